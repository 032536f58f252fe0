// The visible texts whose contrast with the colour behind them is below `least` to 1 (WCAG's formula).
(least) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  // Red, green, blue from 0 to 255 and alpha from 0 to 1, however the colour is written.
  const parse = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (front, behind) => {
    const mixed = [0, 1, 2].map((i) => front[i] * front[3] + behind[i] * (1 - front[3]));
    return [...mixed, 1];
  };
  const behind = (element) => {
    if (!element) return parse("white");
    const own = parse(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, behind(element.parentElement));
  };
  const luminance = (color) => {
    const [red, green, blue] = color.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (element) => {
    const ground = behind(element);
    const ink = over(parse(getComputedStyle(element).color), ground);
    const [dim, bright] = [luminance(ground), luminance(ink)].sort((a, b) => a - b);
    return (bright + 0.05) / (dim + 0.05);
  };

  const faint = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.data.trim();
    if (!text || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) {
      continue;
    }
    const ratio = contrast(element);
    if (ratio < least) faint.add(`${ratio.toFixed(1)}: ${text.slice(0, 40)} <${element.className}>`);
  }
  return [...faint];
}
