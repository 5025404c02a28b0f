/* Cells of the channel grid. Text goes in as text; nothing here builds markup from strings. */
(function () {
  "use strict";
  var cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  var functions = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});

  function h(name, props) {
    return window.React.createElement.apply(window.React, [name, props].concat([].slice.call(arguments, 2)));
  }

  var GLYPHS = {
    meeting: ["●", "Meeting"], at_risk: ["▲", "At risk"], breached: ["■", "Breached"],
    no_traffic: ["◌", "No traffic"], no_data: ["○", "No data"], unmapped: ["○", "Unmapped"],
  };
  var MOVES = { critical: "◆", increasing: "↗", recovering: "↘", acceptable: "–" };

  function tip(props) { return props.tip + (props.named && props.data.objective ? " of " + props.data.objective : ""); }

  cells.Channel = function (props) {
    var row = props.data;
    return h("span", { className: "cell-channel", title: row.channel },
      h("span", { className: "star" + (row.critical ? "" : " absent"), "aria-hidden": "true" }, row.critical ? "★" : ""),
      h("a", { href: row.href, className: "inward mono", tabIndex: -1 }, row.channel));
  };
  cells.Status = function (props) {
    var known = GLYPHS[props.value] || GLYPHS.no_data;
    return h("span", { className: "status " + props.value }, h("span", { className: "glyph", "aria-hidden": "true" }, known[0]), known[1]);
  };
  cells.Burn = function (props) {
    if (props.value === null || props.value === undefined) return h("span", { className: "mono faint" }, "–");
    var rate = props.value >= 100 ? props.value.toFixed(0) : props.value.toFixed(1);
    return h("span", { className: "cell-burn " + props.data.move }, h("b", { className: "mono" }, rate + "×"),
      h("span", { className: "move" }, MOVES[props.data.move] + " " + props.data.move));
  };
  cells.Draw = function (props) {
    if (props.value === null || props.value === undefined) return h("span", { className: "mono faint" }, "–");
    return h("span", {
      className: "draw " + props.kind + " " + (props.data.state || ""), title: tip(props),
      "data-draw": props.kind, "data-values": String(props.value), "data-width": String(props.wide),
    });
  };
  cells.Budget = function (props) {
    var row = props.data;
    if (row.left === null || row.left === undefined) return h("span", { className: "mono faint" }, "–");
    return h("span", { className: "cell-budget", title: tip(props) },
      h("span", { className: "draw budget " + (row.state || ""), "data-draw": "budget", "data-values": String(props.value), "data-width": String(props.wide) }),
      h("span", { className: "mono" + (row.left_n < 0 ? " bad" : "") }, row.left));
  };
  cells.Mono = function (props) {
    return h("span", { className: "mono " + (props.data[props.tone] || "") }, props.value === null || props.value === undefined || props.value === "" ? "–" : String(props.value));
  };
  /* Numbers that people read sort by the number behind them; what is not known goes last in both directions. */
  functions.behind = function (name) {
    return function (one, other, first, second, inverted) {
      var a = first && first.data ? first.data[name] : null, b = second && second.data ? second.data[name] : null;
      if (a === null || a === undefined) return b === null || b === undefined ? 0 : inverted ? -1 : 1;
      if (b === null || b === undefined) return inverted ? 1 : -1;
      return a - b;
    };
  };
  functions.open = function (event) { window.observatory.open(event.data.href); };
})();
