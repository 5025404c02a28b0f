/* Runs before the first paint, so that a page never flashes in the wrong theme: theme, colours and zone as wanted by the
   address, else as kept in this browser, and as resolved. */
(function () {
  "use strict";
  var root = document.documentElement, asked = new URLSearchParams(window.location.search);

  function wanted(key, name, fallback, allowed) {
    var kept = null, value = asked.get(key);
    try { kept = window.localStorage.getItem("observatory-" + name); } catch (refused) { kept = null; }
    return allowed(value) ? value : allowed(kept) ? kept : fallback;
  }
  function oneOf(words) { return function (value) { return words.indexOf(value) >= 0; }; }
  function isZone(value) {
    if (value === "browser") return true;
    if (!value) return false;
    try { new Intl.DateTimeFormat("en", { timeZone: value }); return true; } catch (unknown) { return false; }
  }

  window.observatoryChoices = {
    isZone: isZone,
    read: function () {
      asked = new URLSearchParams(window.location.search);
      root.dataset.wanted = wanted("theme", "theme", "system", oneOf(["dark", "light", "system"]));
      root.dataset.colours = wanted("colours", "colours", "usual", oneOf(["usual", "safe"]));
      root.dataset.wantedZone = wanted("tz", "zone", "UTC", isZone);
    },
    resolve: function () {
      var system = root.dataset.wanted === "system", bright = window.matchMedia("(prefers-color-scheme: light)").matches;
      var theme = system ? (bright ? "light" : "dark") : root.dataset.wanted;
      root.dataset.theme = theme + (root.dataset.colours === "safe" ? "-safe" : "");
      root.dataset.zone = root.dataset.wantedZone === "browser" ? Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC" : root.dataset.wantedZone;
    },
  };
  window.observatoryChoices.read();
  window.observatoryChoices.resolve();
})();
