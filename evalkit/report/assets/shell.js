// Shell: shortcuts, and the start of everything. The page above the samples is complete without any of it.

function startShortcuts() {
  const enabled = byId("keys-on");
  enabled.checked = remembered.get("keys") !== "off";
  enabled.addEventListener("change", () => remembered.set("keys", enabled.checked ? "on" : "off"));
  byId("help").addEventListener("click", () => byId("keys").showModal());
  addEventListener("keydown", (event) => {
    const isTyping = event.target.matches?.("input, select, textarea") || document.querySelector("dialog[open]");
    if (event.key === "Escape" && !isTyping) explorer.closeDetail();
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !enabled.checked) return;
    if (event.key === "?") byId("keys").showModal();
    if (event.key === "/") {
      event.preventDefault();
      byId("f-q").focus();
    }
    if (!isInView(byId("explorer")) || !explorer.isReady) return;
    if (event.key === "j") explorer.step(1);
    if (event.key === "k") explorer.step(-1);
  });
}

function isInView(node) {
  const { top, bottom } = node.getBoundingClientRect();
  return top < innerHeight * 0.7 && bottom > innerHeight * 0.3;
}

startTheme();
startShortcuts();
startPrint();
startNavigation();
explorer.start();
