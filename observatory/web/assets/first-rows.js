/* The first rows of a table of channels, which come with the page itself: drawn at once by the cells of the grid, and
   taken away when the grid has drawn its own. */
(function () {
  "use strict";
  var standing = {};

  function h(name, props) {
    return window.React.createElement.apply(window.React, [name, props].concat([].slice.call(arguments, 2)));
  }
  function cell(column, row) {
    var made = window.dashAgGridComponentFunctions[column.cellRenderer], value = row[column.field];
    var content = made ? h(made, Object.assign({}, column.cellRendererParams, { data: row, value: value })) : window.observatoryPlain(String(value === null ? "" : value));
    return h("div", place(column, "cell"), content);
  }
  function place(column, name) {
    var looks = column.flex ? { flex: column.flex, minWidth: column.minWidth } : { width: column.width };
    return { key: column.field, className: name + " of-" + column.field + (column.type === "rightAligned" ? " right" : ""), style: looks };
  }

  function draw(node) {
    var told = JSON.parse(node.dataset.rows), inner = document.createElement("div"), root = window.ReactDOM.createRoot(inner);
    inner.className = "first-rows";
    node.replaceChildren(inner);
    var head = h("div", { className: "line head", key: "head" }, told.columns.map(function (one) { return h("div", place(one, "cell"), one.headerName); }));
    var lines = told.rows.map(function (row) { return h("div", { className: "line", key: row.id }, told.columns.map(function (one) { return cell(one, row); })); });
    window.ReactDOM.flushSync(function () { root.render([head].concat(lines)); });
    standing[node.closest(".panel").id] = { inner: inner, root: root };
  }
  /* The grid's holder comes in the place of the rows; they stay over it until it has rows of its own. */
  function keep(holder) {
    var panel = holder.closest(".panel"), kept = panel && standing[panel.id];
    if (kept && !holder.querySelector(".ag-row")) holder.appendChild(kept.inner);
  }
  function leave(id) {
    var kept = standing[id];
    delete standing[id];
    kept.inner.remove();
    /* React does not unmount while it renders. */
    window.setTimeout(function () { kept.root.unmount(); }, 0);
  }
  function over(id) {
    var panel = document.getElementById(id);
    return !panel || !panel.contains(standing[id].inner) || panel.querySelector(".ag-row, .ag-overlay-no-rows-center");
  }

  new MutationObserver(function (records) {
    records.forEach(function (record) {
      record.addedNodes.forEach(function (root) {
        if (root.nodeType !== 1) return;
        root.querySelectorAll("[data-rows]").forEach(draw);
        root.querySelectorAll(".channel-grid").forEach(keep);
        if (root.matches(".channel-grid")) keep(root);
      });
    });
    Object.keys(standing).filter(over).forEach(leave);
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
