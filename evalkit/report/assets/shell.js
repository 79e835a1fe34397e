// Shell: theme, shortcuts, print and the navigation's place. The page above the samples is complete without any of it.

const remembered = {
  get(name) {
    try {
      return localStorage.getItem(`evalkit.${name}`);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`evalkit.${name}`, value);
    } catch {
      // A page opened from a file may have no storage; the choice then lasts as long as the page.
    }
  },
};

function startTheme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => root.dataset.theme ?? (system.matches ? "dark" : "light");
  const other = () => (chosen() === "dark" ? "light" : "dark");
  const label = () => {
    byId("theme").textContent = other() === "dark" ? "Dark" : "Light";
    byId("theme").ariaLabel = `${byId("theme").textContent}: switch to ${other()} colours`;
  };
  const last = remembered.get("theme");
  if (last === "dark" || last === "light") root.dataset.theme = last;
  byId("theme").hidden = false;
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = other();
    remembered.set("theme", root.dataset.theme);
    label();
  });
  system.addEventListener("change", label);
  label();
}

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

function startPrint() {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("main details:not([open])")];
    for (const node of opened) node.open = true;
  });
  addEventListener("afterprint", () => {
    for (const node of opened) node.open = false;
  });
}

/** Mark the section in view in the navigation. */
function startNavigation() {
  const links = new Map([...document.querySelectorAll("nav.toc a")].map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver(
    (entries) => {
      const entered = entries.findLast(({ isIntersecting }) => isIntersecting);
      if (entered === undefined) return;
      for (const link of links.values()) link.ariaCurrent = null;
      links.get(entered.target.id).ariaCurrent = "true";
    },
    { rootMargin: "-20% 0px -70%" },
  );
  for (const id of links.keys()) if (byId(id) !== null) watch.observe(byId(id));
}

startTheme();
startShortcuts();
startPrint();
startNavigation();
explorer.start();
