"use strict";

const LIGHT = { colors: { primary: { main: "#12566b" } } };
const DARK = {
  colors: {
    primary: { main: "#7cc7d9" },
    success: { main: "#5bd08a" },
    error: { main: "#ff8a80" },
    text: { primary: "#e4e7eb", secondary: "#b6bec8" },
    border: { dark: "#3b4652", light: "#2a333d" },
    responses: {
      success: { color: "#5bd08a", backgroundColor: "#18301f", tabTextColor: "#5bd08a" },
      error: { color: "#ff8a80", backgroundColor: "#371d1d", tabTextColor: "#ff8a80" },
    },
  },
  schema: {
    linesColor: "#55616e",
    nestedBackground: "#20272f",
    typeNameColor: "#b6bec8",
    typeTitleColor: "#b6bec8",
    requireLabelColor: "#ff8a80",
  },
  sidebar: { backgroundColor: "#171c22", textColor: "#d5dae0", activeTextColor: "#7cc7d9" },
  typography: {
    code: { color: "#ffb38a", backgroundColor: "#29323b" },
    links: { color: "#7cc7d9", visited: "#7cc7d9", hover: "#a9dfec" },
  },
  rightPanel: { backgroundColor: "#0c1015", textColor: "#e4e7eb" },
  codeBlock: { backgroundColor: "#161c23" },
  fab: { backgroundColor: "#29323b", color: "#7cc7d9" },
};

const SPACING = { sectionVertical: 20 };
const FONTS = { fontFamily: "sans-serif", headings: { fontFamily: "sans-serif" } };
const element = document.getElementById("redoc");
const dark = matchMedia("(prefers-color-scheme: dark)");

function show() {
  const theme = dark.matches ? DARK : LIGHT;
  const typography = { ...FONTS, ...theme.typography };
  Redoc.init("/api/v1/openapi.json", { theme: { ...theme, spacing: SPACING, typography } }, element);
}

dark.addEventListener("change", () => location.reload());
show();
