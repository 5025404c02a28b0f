/* The library of figures is the largest script of a page. It is run once somebody wants a figure and no table of channels
   waits for its rows, for a table is what one reads first. */
(function () {
  "use strict";
  var LONGEST_MS = 4000, loading = null;

  function aTableWaits() {
    return [].some.call(document.querySelectorAll(".kind-channels"), function (panel) { return !panel.querySelector(".ag-row, .notice"); });
  }
  function run(done, failed) {
    var script = document.createElement("script");
    script.src = document.getElementById("library-of-figures").href;
    script.onload = done;
    script.onerror = function () { loading = null; failed(new Error("the library of figures could not be loaded")); };
    document.body.appendChild(script);
  }
  function wanted() {
    loading = loading || new Promise(function (done, failed) {
      var since = performance.now();
      (function look() {
        if (aTableWaits() && performance.now() - since < LONGEST_MS) window.setTimeout(look, 30);
        else run(done, failed);
      })();
    });
    return loading;
  }

  /* Components of figures wait for what `window.Plotly` is; the library puts itself in its place. */
  Object.defineProperty(window, "Plotly", {
    configurable: true,
    get: wanted,
    set: function (library) { Object.defineProperty(window, "Plotly", { configurable: true, writable: true, value: library }); },
  });
})();
