/* What can be done with a panel: explain it, save what it shows as a picture or as a table. Nothing leaves the browser. */
window.observatoryPanels = (function () {
  "use strict";
  var o = window.observatory;

  function open(button) {
    var panel = button.closest(".panel");
    window.observatoryMenu.open(button, [{ items: [
      { words: "Explain these numbers", run: function () { window.observatoryDrawer.openReference(button.dataset.panel, button); } },
      { words: "Save as PNG", run: function () { png(panel); } },
      { words: "Save as CSV", run: function () { csv(panel); } },
    ] }]);
  }

  function fileName(panel, ending) {
    var at = new Date(window.observatoryRefresh.at()).toISOString().slice(0, 16).replace(/[:T]/g, "-");
    return [o.pageName(), panel.getAttribute("aria-label"), at].join(" ").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") + "." + ending;
  }
  function save(blob, name) {
    var link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    window.setTimeout(function () { URL.revokeObjectURL(link.href); }, 60000);
    o.say("Saved " + name);
  }

  /* CSV ---------------------------------------------------------------------------------------------------------- */

  /* A text that a spreadsheet would take for a formula begins with an apostrophe; numbers stay numbers. */
  function field(value) {
    if (value === null || value === undefined || value === "–") return "";
    var text = String(value).replace(/\s+/g, " ").trim();
    if (/^[=+\-@\t\r]/.test(text) && !isFinite(Number(text))) text = "'" + text;
    return /[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }
  function lines(table) { return "\ufeff" + table.map(function (row) { return row.map(field).join(","); }).join("\r\n") + "\r\n"; }

  /* Curves: one row per instant, in UTC; values as the figure has them, the unit beside the name. */
  function ofFigure(graph) {
    var unit = graph.layout.yaxis && graph.layout.yaxis.ticksuffix ? graph.layout.yaxis.ticksuffix.trim() : "";
    var curves = graph._fullData.filter(function (one) { return one.visible === true && one.y && one.y.length && one.type !== "heatmap"; });
    if (!curves.length) return ofHeat(graph);
    var dated = graph._fullLayout.xaxis.type === "date", rows = new Map();
    curves.forEach(function (curve, column) {
      for (var index = 0; index < curve.y.length; index += 1) {
        var x = curve.x ? curve.x[index] : (dated ? window.observatoryZones.clockOf(curve.x0) : Number(curve.x0)) + index * curve.dx, key = dated ? window.observatoryZones.fromFigure(x) : String(x);
        if (!rows.has(key)) rows.set(key, new Array(curves.length).fill(""));
        if (isFinite(curve.y[index]) && curve.y[index] !== null) rows.get(key)[column] = curve.y[index];
      }
    });
    var head = curves.map(function (curve) { return plain(curve.name) + (unit ? " [" + unit + "]" : ""); });
    return [["time"].concat(head)].concat([...rows].sort(function (a, b) { return a[0] < b[0] ? -1 : 1; }).map(function (row) { return [row[0]].concat(row[1]); }));
  }
  function ofHeat(graph) {
    var heat = graph._fullData[0];
    if (!heat || !heat.z) return [];
    return [[""].concat([].slice.call(heat.x))].concat([].map.call(heat.y, function (name, row) { return [plain(name)].concat([].slice.call((heat.customdata || heat.z)[row])); }));
  }
  function plain(text) { return String(text).replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&"); }

  /* A cell: the number behind a formatted one, the value behind a drawing, else its words. */
  function cell(node) {
    var exact = node.matches("[data-value]") ? node : node.querySelector("[data-value]"), drawn = node.querySelector('[data-draw="budget"]');
    if (exact) return exact.dataset.value;
    if (drawn && !node.textContent.trim()) return drawn.dataset.values;
    return words(node);
  }
  /* Words of an element, blanks between its parts; glyphs that only repeat a word are left out. */
  function words(node) {
    if (node.nodeType === 3) return node.data;
    if (node.nodeType !== 1 || node.getAttribute("aria-hidden") === "true" || node.hidden) return "";
    return [].map.call(node.childNodes, words).filter(Boolean).join(" ");
  }
  function ofTable(table) {
    var kept = [], head = [].slice.call(table.querySelectorAll("thead th"));
    head.forEach(function (th, column) {
      /* Strips and sparklines are pictures of numbers that are elsewhere. */
      var picture = table.querySelector("tbody tr td:nth-child(" + (column + 1) + ") [data-draw]");
      if (!picture || picture.dataset.draw === "budget") kept.push(column);
    });
    var names = kept.map(function (column) { return head[column].textContent || (column ? head[column - 1].textContent + " value" : ""); });
    return [names].concat([].map.call(table.querySelectorAll("tbody tr"), function (row) { return kept.map(function (column) { return row.cells[column] ? cell(row.cells[column]) : ""; }); }));
  }
  function ofWaterfall(node) {
    var rows = [["span", "duration"]];
    [].forEach.call(node.querySelectorAll(".who:not(.head)"), function (who) {
      var took = who.nextElementSibling && who.nextElementSibling.nextElementSibling;
      rows.push([words(who), took ? words(took) : ""]);
    });
    return rows;
  }
  function ofTiles(panel) {
    return [["number", "value", "context"]].concat([].map.call(panel.querySelectorAll(".tile"), function (tile) {
      return [tile.querySelector(".name").textContent, cell(tile), tile.querySelector(".under").textContent];
    }));
  }
  function ofText(panel) {
    var found = panel.querySelectorAll(".cause, .log, .facts > div, .notice, .fine");
    return [["text"]].concat([].map.call(found, function (one) { return [words(one)]; }));
  }

  function tableOf(panel) {
    var graph = panel.querySelector(".js-plotly-plot"), grid = panel.querySelector(".channel-grid"), table = panel.querySelector("table.plain"), fall = panel.querySelector(".waterfall");
    if (grid) return window.observatoryGrid.table();
    if (graph) return ofFigure(graph);
    if (table) return ofTable(table);
    if (fall) return ofWaterfall(fall);
    return panel.querySelector(".tile") ? ofTiles(panel) : ofText(panel);
  }
  function csv(panel) { save(new Blob([lines(tableOf(panel))], { type: "text/csv;charset=utf-8" }), fileName(panel, "csv")); }

  function png(panel) {
    window.observatoryPicture.take(panel).then(function (blob) { save(blob, fileName(panel, "png")); }, function () { o.say("The browser could not draw a picture of this panel"); });
  }

  return { open: open, tableOf: tableOf };
})();
