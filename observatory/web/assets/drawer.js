/* The drawer in which a number is explained. The address says which; the server is asked when it is opened. */
window.observatoryDrawer = (function () {
  "use strict";
  var o = window.observatory, opener = null, openerRef = "", shown = "";

  function node() { return o.byId("drawer"); }

  /* A press on one cell of a heat strip means that cell. */
  function referenceOf(button, target) {
    var text = button.dataset.explain, cell = target && target.closest ? target.closest("rect") : null;
    if (!cell || !/^[a-z_]+\.cells-\d+x\d+(:|$)/.test(text)) return text;
    var cells = [].slice.call(cell.parentNode.querySelectorAll("rect"));
    return text.replace(/^([a-z_]+\.cells-\d+x\d+)/, "$1-" + cells.indexOf(cell));
  }

  function open(button, target) {
    var text = referenceOf(button, target);
    if (!node().contains(button)) { opener = button; openerRef = button.dataset.explain; }
    o.push({ explain: text });
    show(text);
    node().focus({ preventScroll: true });
  }
  function openReference(text, button) {
    opener = button; openerRef = "";
    o.push({ explain: text });
    show(text);
    node().focus({ preventScroll: true });
  }

  function show(text) {
    var drawer = node();
    if (!drawer || text === shown) return;
    shown = text;
    drawer.hidden = !text;
    drawer.classList.toggle("waiting", Boolean(text));
    drawer.setAttribute("aria-busy", String(Boolean(text)));
    document.body.classList.toggle("drawer-open", Boolean(text));
    o.setProps("explained", { data: text });
  }

  function close() {
    if (!shown) return false;
    show("");
    o.push({ explain: "" });
    /* Numbers may have been drawn anew since: the one that means the same is the one that was pressed. */
    var back = opener && opener.isConnected ? opener : openerRef && document.querySelector('[data-explain="' + CSS.escape(openerRef) + '"]');
    (back || o.byId("main")).focus({ preventScroll: true });
    return true;
  }

  /* After the address changed by itself: a link, a reload, the way back. */
  function follow() { show(o.query().get("explain") || ""); }

  o.clientside.asked = function (text, view) {
    return text ? { explain: text, search: view || "" } : window.dash_clientside.no_update;
  };
  o.clientside.arrived = function (_children, asked) {
    if (asked && asked.explain === shown) {
      node().classList.remove("waiting");
      node().setAttribute("aria-busy", "false");
    }
    return window.dash_clientside.no_update;
  };
  window.addEventListener("popstate", function () { window.setTimeout(follow, 0); });

  return { open: open, openReference: openReference, close: close, follow: follow };
})();
