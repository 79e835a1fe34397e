// Reading: print opens what is folded, the navigation marks the section in view.

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
