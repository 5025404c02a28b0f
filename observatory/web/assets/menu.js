/* One floating box for all buttons that open one: commands as a menu, settings as a dialog; by pointer and by keyboard. */
window.observatoryMenu = (function () {
  "use strict";
  var o = window.observatory, opener = null;

  function node() { return o.byId("menu"); }
  function items() { return [].slice.call(node().querySelectorAll("button, input")); }

  function make(name, text, attributes) {
    var made = document.createElement(name);
    if (text) made.textContent = text;
    Object.keys(attributes || {}).forEach(function (key) { made.setAttribute(key, attributes[key]); });
    return made;
  }

  /* Groups: [{ title, items: [{ words, chosen, run }], node }]. With a name it is a dialog of settings: an item with
     `chosen` is one of several, and a node may be a field. */
  function open(button, groups, name) {
    if (opener === button) { close(true); return; }
    close(false);
    opener = button;
    var menu = node();
    menu.replaceChildren();
    menu.setAttribute("role", name ? "dialog" : "menu");
    menu.setAttribute("aria-label", name || button.getAttribute("aria-label") || "");
    groups.forEach(function (group) {
      var box = make("div", "", { role: "group", "aria-label": group.title || "" });
      if (group.title) box.appendChild(make("div", group.title, { "class": "menu-title", "aria-hidden": "true" }));
      (group.items || []).forEach(function (item) {
        var made = make("button", item.words, { type: "button", tabindex: "-1" });
        if (!name) made.setAttribute("role", "menuitem");
        if (item.chosen !== undefined) made.setAttribute("aria-pressed", String(item.chosen));
        made.addEventListener("click", function () { close(true); item.run(); });
        box.appendChild(made);
      });
      if (group.node) box.appendChild(group.node);
      menu.appendChild(box);
    });
    menu.hidden = false;
    button.setAttribute("aria-expanded", "true");
    place(button, menu);
    items()[0].focus({ preventScroll: true });
  }

  function place(button, menu) {
    var at = button.getBoundingClientRect(), wide = menu.offsetWidth, high = menu.offsetHeight;
    var below = at.bottom + 4 + high <= window.innerHeight || at.top < high;
    menu.style.left = Math.max(8, Math.min(at.right - wide, window.innerWidth - wide - 8)) + "px";
    menu.style.top = (below ? at.bottom + 4 : at.top - high - 4) + "px";
  }

  function close(back) {
    if (!opener) return false;
    var button = opener;
    opener = null;
    node().hidden = true;
    button.setAttribute("aria-expanded", "false");
    if (back) button.focus({ preventScroll: true });
    return true;
  }

  /* Keys inside the menu; true where the key was for it. */
  function key(event) {
    if (!opener) return false;
    var all = items(), here = all.indexOf(document.activeElement), step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") { event.preventDefault(); return close(true); }
    if (event.key === "Tab") { close(true); return true; }
    if (!step || !node().contains(document.activeElement)) return node().contains(document.activeElement);
    event.preventDefault();
    all[(here + step + all.length) % all.length].focus();
    return true;
  }

  document.addEventListener("pointerdown", function (event) {
    if (opener && !node().contains(event.target) && !opener.contains(event.target)) close(false);
  }, true);
  window.addEventListener("resize", function () { close(false); });

  return { open: open, close: close, key: key, make: make };
})();
