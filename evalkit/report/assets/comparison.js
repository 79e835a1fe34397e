// Comparison: a page without samples of its own; it is complete without any of this.

startTheme();
startPrint();
startNavigation();
