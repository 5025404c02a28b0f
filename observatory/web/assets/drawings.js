/* Sparklines, heat strips and budget bars: small numbers in, SVG out. Colours are classes, so a theme needs no redraw. */
window.observatoryDrawings = (function () {
  "use strict";
  var SVG = "http://www.w3.org/2000/svg";

  function make(name, attributes) {
    var node = document.createElementNS(SVG, name);
    for (var key in attributes) node.setAttribute(key, attributes[key]);
    return node;
  }

  function canvas(width, height) {
    return make("svg", { width: width, height: height, viewBox: "0 0 " + width + " " + height, "aria-hidden": "true", preserveAspectRatio: "none" });
  }

  function hatch(svg, x, width, height, name, gap) {
    var d = "";
    for (var at = -height + gap / 2; at < width; at += gap) {
      var from = Math.max(0, at), to = Math.min(width, at + height);
      if (to > from) d += "M" + (x + from) + " " + (height - from + at) + "L" + (x + to) + " " + (height - to + at);
    }
    svg.appendChild(make("path", { d: d, "class": name, fill: "none", "stroke-width": 1.2 }));
  }

  /* Two digits per point, 00 the lowest and 99 the highest; ".." is a hole. A value between two holes is a dot. */
  function spark(values, width) {
    var height = 20, svg = canvas(width, height), count = values.length / 2, d = "", dots = "", pen = false;
    function hole(index) { return index < 0 || index >= count || values.slice(2 * index, 2 * index + 2) === ".."; }
    if (!count) {
      svg.appendChild(make("path", { d: "M1 10H" + (width - 1), "class": "none", "stroke-dasharray": "2 3" }));
      return svg;
    }
    for (var index = 0; index < count; index += 1) {
      var two = values.slice(2 * index, 2 * index + 2);
      if (two === "..") { pen = false; continue; }
      var x = 1 + (count > 1 ? index * (width - 2) / (count - 1) : 0), y = 2 + (height - 4) * (1 - Number(two) / 99);
      if (hole(index - 1) && hole(index + 1)) { dots += "M" + Math.min(width - 2.5, Math.max(2.5, x)).toFixed(1) + " " + y.toFixed(1) + "h.01"; continue; }
      d += (pen ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1);
      pen = true;
    }
    if (dots) svg.appendChild(make("path", { d: dots, "class": "curve dots", fill: "none", "stroke-width": 4, "stroke-linecap": "round" }));
    if (!d) return svg;
    svg.appendChild(make("path", { d: d, "class": "curve", fill: "none", "stroke-width": 1.5, "stroke-linejoin": "round", "stroke-linecap": "round" }));
    return svg;
  }

  /* One character per cell: 0 to 4, or x for no data. */
  function heat(values, width) {
    var height = 14, svg = canvas(width, height), pitch = width / Math.max(1, values.length), gap = pitch >= 4 ? 1 : 0;
    for (var index = 0; index < values.length; index += 1) {
      var step = values[index];
      svg.appendChild(make("rect", { x: (index * pitch).toFixed(2), y: 0, width: (pitch - gap).toFixed(2), height: height, rx: 1, "class": step === "x" ? "hole" : "heat-" + step }));
    }
    if (values.indexOf("x") >= 0) {
      var first = values.indexOf("x"), last = first;
      while (first >= 0) {
        last = first;
        while (values[last + 1] === "x") last += 1;
        hatch(svg, first * pitch, (last - first + 1) * pitch - gap, height, "hatch", 4);
        first = values.indexOf("x", last + 1);
      }
    }
    return svg;
  }

  /* What is left of the budget, 1 to 0; negative is overspent; empty is not known. */
  function budget(value, even, width) {
    var height = 9, svg = canvas(width, height), left = parseFloat(value);
    svg.appendChild(make("rect", { width: width, height: height, rx: 2, "class": "track" }));
    if (value === "" || isNaN(left)) { hatch(svg, 0, width, height, "hatch", 4); return svg; }
    if (left < 0) {
      var over = Math.max(4, Math.min(1, -left) * width);
      svg.appendChild(make("rect", { width: over, height: height, rx: 2, "class": "over" }));
      hatch(svg, 0, over, height, "hatch-over", 5);
    } else if (left > 0) {
      svg.appendChild(make("rect", { width: Math.max(2, Math.min(1, left) * width), height: height, rx: 2, "class": "left" }));
    }
    if (even !== undefined && even !== "") {
      svg.appendChild(make("rect", { x: Math.min(width - 2, Math.max(0, parseFloat(even) * width - 1)), width: 2, height: height, "class": "even" }));
    }
    return svg;
  }

  function draw(node) {
    var width = Number(node.dataset.width) || 84, values = node.dataset.values || "", svg;
    if (node.dataset.draw === "spark") svg = spark(values, width);
    else if (node.dataset.draw === "heat") svg = heat(values, width);
    else if (node.dataset.draw === "budget") svg = budget(values, node.dataset.even, width);
    else return;
    node.replaceChildren(svg);
  }

  function drawAll(root) {
    if (root.nodeType !== 1) return;
    if (root.dataset && root.dataset.draw) draw(root);
    root.querySelectorAll("[data-draw]").forEach(draw);
  }

  new MutationObserver(function (records) {
    records.forEach(function (record) {
      if (record.type === "attributes") draw(record.target);
      else record.addedNodes.forEach(drawAll);
    });
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-values", "data-even"] });

  return { spark: spark, heat: heat, budget: budget };
})();
