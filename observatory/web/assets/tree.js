/* Builds markup from data: [name, attributes, children...]. Text is set as text, names are from closed lists. */
(function () {
  "use strict";
  var NAMES = "a b br button code dd details div dl dt h2 h3 header i kbd label li ol option p pre section select small span strong summary table tbody td th thead time tr".split(" ");
  var ATTRIBUTES = "class id title role tabindex scope type target rel href datetime hidden for value selected".split(" ");
  var SVG = "http://www.w3.org/2000/svg", SHAPES = "svg g a path rect circle text tspan title".split(" ");
  var DRAWN = "d x y cx cy r rx width height viewBox text-anchor stroke-width stroke-dasharray aria-hidden".split(" ");

  function allowed(name, value) {
    if (name === "href") return /^(\/(?!\/)|#|https?:\/\/)/.test(value);
    return ATTRIBUTES.indexOf(name) >= 0 || /^(data|aria)-[a-z-]+$/.test(name);
  }

  /* Characters that turn the direction of what follows could make one name look like another. */
  function plain(text) { return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd"); }
  window.observatoryPlain = plain;

  function build(data, inside) {
    if (typeof data === "string") return document.createTextNode(plain(data));
    var drawn = inside === true || data[0] === "svg", attributes = data[1], node;
    if (drawn) node = document.createElementNS(SVG, SHAPES.indexOf(data[0]) >= 0 ? data[0] : "g");
    else node = document.createElement(NAMES.indexOf(data[0]) >= 0 ? data[0] : "span");
    Object.keys(attributes).forEach(function (name) {
      var value = attributes[name];
      if (name === "style") Object.keys(value).forEach(function (key) { node.style.setProperty(key, value[key]); });
      else if (allowed(name, value) || (drawn && DRAWN.indexOf(name) >= 0)) node.setAttribute(name, value);
    });
    for (var index = 2; index < data.length; index += 1) node.appendChild(build(data[index], drawn));
    return node;
  }

  /* What a person opened or scrolled to stays so when the numbers are renewed. */
  function grow(node) {
    var open = [].map.call(node.querySelectorAll("details[open][id]"), function (one) { return one.id; });
    var falls = [].map.call(node.querySelectorAll(".waterfall"), function (one) { return one.scrollTop; });
    var held = node.contains(document.activeElement) ? document.activeElement.dataset.key : "";
    node.replaceChildren.apply(node, JSON.parse(node.dataset.tree).map(function (one) { return build(one, false); }));
    var again = held && node.querySelector('[data-key="' + CSS.escape(held) + '"]');
    if (again) again.focus({ preventScroll: true });
    open.forEach(function (id) { var one = document.getElementById(id); if (one) one.open = true; });
    [].forEach.call(node.querySelectorAll(".waterfall"), function (one, index) { one.scrollTop = falls[index] || 0; });
  }
  function growAll(root) {
    if (root.nodeType !== 1) return;
    if (root.dataset && root.dataset.tree) grow(root);
    else root.querySelectorAll("[data-tree]").forEach(grow);
  }

  new MutationObserver(function (records) {
    records.forEach(function (record) {
      if (record.type === "attributes") grow(record.target);
      else record.addedNodes.forEach(growAll);
    });
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-tree"] });
})();
