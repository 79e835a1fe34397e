// Theme: light or dark, as the system says or as the reader chose.

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
