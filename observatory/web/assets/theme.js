/* Runs before the first paint, so that a page never flashes in the wrong theme. */
(function () {
  "use strict";
  var asked = new URLSearchParams(window.location.search).get("theme");
  var kept = null;
  try { kept = window.localStorage.getItem("observatory-theme"); } catch (refused) { kept = null; }
  var wanted = ["dark", "light", "system"].indexOf(asked) >= 0 ? asked : kept || "system";
  var dark = wanted === "dark" || (wanted === "system" && !window.matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.documentElement.dataset.wanted = wanted;
})();
