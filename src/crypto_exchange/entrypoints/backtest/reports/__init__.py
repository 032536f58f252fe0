"""Reports: tables and pictures of runs and sweeps, and the page that holds them."""
