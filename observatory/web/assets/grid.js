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

  /* A number that opens to its explanation. The arrows reach it, so it is no stop of its own for the tab key. */
  function number(props, aspect, content, name) {
    return h("button", {
      type: "button", tabIndex: -1, className: "explained " + (name || ""), "aria-haspopup": "dialog",
      "data-explain": "channel." + aspect + ":" + props.data.id,
    }, content);
  }
  function tip(props) { return props.tip + (props.named && props.data.objective ? " of " + props.data.objective : ""); }

  cells.Channel = function (props) {
    var row = props.data;
    if (props.api) meet(props.api);
    return h("span", { className: "cell-channel", title: row.channel },
      h("span", { className: "star" + (row.critical ? "" : " absent"), "aria-hidden": "true" }, row.critical ? "★" : ""),
      h("a", { href: row.href, className: "inward mono", tabIndex: -1, dir: "auto" }, window.observatoryPlain(row.channel)));
  };
  cells.Status = function (props) {
    var known = GLYPHS[props.value] || GLYPHS.no_data;
    return number(props, "state", h("span", { className: "status " + props.value, title: known[1] },
      h("span", { className: "glyph", "aria-hidden": "true" }, known[0]), h("span", { className: "word" }, known[1])));
  };
  cells.Burn = function (props) {
    if (props.value === null || props.value === undefined) return h("span", { className: "mono faint" }, "–");
    var rate = props.value >= 100 ? props.value.toFixed(0) : props.value.toFixed(1);
    return number(props, "burn-1h", h("span", { className: "cell-burn " + props.data.move }, h("b", { className: "mono" }, rate + "×"),
      h("span", { className: "move", title: props.data.move }, MOVES[props.data.move] + " ", h("span", { className: "word" }, props.data.move))));
  };
  cells.Draw = function (props) {
    if (props.value === null || props.value === undefined) return h("span", { className: "mono faint" }, "–");
    var drawing = h("span", {
      className: "draw " + props.kind + " " + (props.data.state || ""), title: tip(props),
      "data-draw": props.kind, "data-values": String(props.value), "data-width": String(props.wide),
    });
    return props.aspect ? number(props, props.aspect, drawing, "strip") : drawing;
  };
  cells.Budget = function (props) {
    var row = props.data;
    if (row.left === null || row.left === undefined) return h("span", { className: "mono faint" }, "–");
    /* A budget overspent many times is written short; how much it is exactly stands here. */
    var exact = (100 * row.left_n).toLocaleString("en", { maximumFractionDigits: 2 }).replace("-", "−").replace(/,/g, "\u202f");
    return h("span", { className: "cell-budget", title: tip(props) + ": " + exact + " % left" },
      h("span", { className: "draw budget " + (row.state || ""), "data-draw": "budget", "data-values": String(props.value), "data-width": String(props.wide) }),
      number(props, "budget", row.left, "mono" + (row.left_n < 0 ? " bad" : "")));
  };
  cells.Mono = function (props) {
    var empty = props.value === null || props.value === undefined || props.value === "", name = "mono " + (props.data[props.tone] || "");
    if (empty || !props.aspect) return h("span", { className: name }, empty ? "–" : String(props.value));
    return number(props, props.aspect, String(props.value), name);
  };
  cells.Words = function (props) {
    var text = window.observatoryPlain(String(props.value || ""));
    return h("span", { className: "cell-words", dir: "auto", title: text }, text);
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

  /* The order of rows is part of the address: `sort=burn:desc`. */
  function order(api) {
    return api.getColumnState().filter(function (one) { return one.sort; }).sort(function (a, b) { return a.sortIndex - b.sortIndex; });
  }
  functions.sorted = function (event) {
    var words = order(event.api).map(function (one) { return one.colId + ":" + one.sort; }).join(",");
    window.observatory.push({ sort: words }, true);
  };
  /* Called with the grid's first row: by then it can be told how to sort, and how wide it is. */
  function begin(grid) {
    var wanted = (window.observatory.query().get("sort") || "").split(",").map(function (one) { return /^([a-z_0-9]{1,40}):(asc|desc)$/.exec(one); }).filter(Boolean);
    api = grid;
    if (wanted.length) {
      api.applyColumnState({
        state: wanted.map(function (one, index) { return { colId: one[1], sort: one[2], sortIndex: index }; }), defaultState: { sort: null },
      });
    }
    fit();
  }
  function meet(grid) { if (grid !== api) { api = grid; window.setTimeout(function () { if (!grid.isDestroyed()) begin(grid); }, 0); } }

  /* On a phone: what burns, how fast, what is left. The rest is on the channel's page. */
  var api = null, narrow = window.matchMedia("(max-width: 640px)");
  function fit() {
    if (!api || api.isDestroyed()) return;
    var small = narrow.matches, state = ["available", "p99", "latency", "heat", "gone", "owner"].map(function (name) { return { colId: name, hide: small }; });
    state.push({ colId: "state", width: small ? 30 : 96 }, { colId: "burn", width: small ? 80 : 148 }, { colId: "budget", width: small ? 74 : 124 });
    api.applyColumnState({ state: state });
  }
  narrow.addEventListener("change", fit);

  /* All rows of the grid as they are filtered and sorted, in base units, for a file. */
  var COLUMNS = [["channel", "channel"], ["id", "id"], ["state", "state"], ["good share of the range", "available_n"], ["p99 [s]", "p99_n"], ["burn rate 1h", "burn"], ["pace", "move"], ["budget left", "left_n"], ["budget ends", "gone"], ["owner", "owner"]];
  window.observatoryGrid = {
    table: function () {
      var rows = [COLUMNS.map(function (one) { return one[0]; })];
      if (api && !api.isDestroyed()) api.forEachNodeAfterFilterAndSort(function (node) { rows.push(COLUMNS.map(function (one) { return node.data[one[1]]; })); });
      return rows;
    },
  };
})();
