/* The service map: what a pointer or the focus rests on is lit with its neighbours; arrow keys walk along. */
(function () {
  "use strict";

  function mapOf(at) { return at.closest && at.closest("svg.map"); }

  function light(node) {
    var map = mapOf(node), key = node.dataset.node, near = {};
    near[key] = true;
    map.querySelectorAll(".arrow").forEach(function (arrow) {
      var lit = arrow.dataset.tail === key || arrow.dataset.head === key;
      arrow.classList.toggle("lit", lit);
      if (lit) { near[arrow.dataset.tail] = true; near[arrow.dataset.head] = true; }
    });
    map.querySelectorAll(".map-node").forEach(function (one) { one.classList.toggle("lit", near[one.dataset.node] === true); });
    map.classList.add("lit");
  }
  function dim(map) { map.classList.remove("lit"); }

  /* The nearest box on that side: what lies straight ahead counts more than what lies aside. */
  function beside(node, across, down) {
    var from = node.getBoundingClientRect(), best = null, least = Infinity;
    mapOf(node).querySelectorAll("a.map-node").forEach(function (one) {
      var to = one.getBoundingClientRect(), x = to.x + to.width / 2 - from.x - from.width / 2, y = to.y + to.height / 2 - from.y - from.height / 2;
      var ahead = across ? across * x : down * y, aside = Math.abs(across ? y : x);
      if (one === node || ahead <= 4) return;
      var cost = ahead + 2.5 * aside;
      if (cost < least) { least = cost; best = one; }
    });
    return best;
  }

  var KEYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
  document.addEventListener("keydown", function (event) {
    var node = event.target.closest && event.target.closest("a.map-node"), step = KEYS[event.key];
    if (!node || !step || event.ctrlKey || event.metaKey || event.altKey) return;
    var next = beside(node, step[0], step[1]);
    event.preventDefault();
    event.stopImmediatePropagation();
    if (next) next.focus();
  }, true);
  ["mouseover", "focusin"].forEach(function (name) {
    document.addEventListener(name, function (event) {
      var node = event.target.closest && event.target.closest(".map-node");
      if (node) light(node);
    });
  });
  ["mouseout", "focusout"].forEach(function (name) {
    document.addEventListener(name, function (event) {
      var node = event.target.closest && event.target.closest(".map-node");
      if (node && mapOf(node)) dim(mapOf(node));
    });
  });
})();
