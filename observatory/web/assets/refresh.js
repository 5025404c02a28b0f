/* How old the numbers are, whether they are renewed, and what is wrong with their sources. */
window.observatoryRefresh = (function () {
  "use strict";
  var o = window.observatory, paused = false, age = null, taken = 0, at = null, failing = false;

  function setPaused(value) {
    paused = value;
    o.setProps("tick", { disabled: paused || document.hidden });
    show();
  }
  function toggle() {
    setPaused(!paused);
    o.say(paused ? "Refreshing paused" : "Refreshing");
  }

  function words(seconds) {
    if (seconds < 100) return Math.round(seconds) + " s";
    if (seconds < 5400) return Math.round(seconds / 60) + " min";
    if (seconds < 172800) return Math.round(seconds / 3600) + " h";
    return Math.round(seconds / 86400) + " d";
  }
  function now() { return age === null ? null : age + (performance.now() - taken) / 1000; }
  function show() {
    var node = o.byId("age"), button = o.byId("freshness");
    if (!node || !button) return;
    var every = Number(button.dataset.interval) || 30, old = now();
    node.textContent = old === null ? "reading…" : words(old) + " ago · " + (paused ? "paused" : "every " + every + " s");
    button.setAttribute("aria-pressed", String(paused));
    /* Numbers are for the last full minute, so up to a minute and two refreshes is fresh. */
    var late = old === null ? 0 : (old - 60) / every;
    if (old !== null) document.querySelectorAll(".stale .age-words").forEach(function (one) { one.textContent = words(old); });
    button.dataset.state = failing || late > 5 ? "old" : paused || late > 2 ? "late" : "fresh";
  }

  function health(data) {
    if (!data) return;
    age = data.age; taken = performance.now(); at = data.at; failing = data.failing;
    var alarm = o.byId("alarm"), ill = (data.sources || []).filter(function (one) { return one.state !== "ok"; }), lines = [];
    if (alarm) {
      (data.problems || []).forEach(function (one) { lines.push((one.place ? one.place + ": " : "") + one.message); });
      if (!lines.length) ill.forEach(function (one) { lines.push("source " + one.name + " (" + one.kind + ") is " + one.state + (one.detail ? ": " + one.detail : "")); });
      alarm.hidden = !lines.length;
      alarm.dataset.state = data.failing ? "old" : "late";
      alarm.replaceChildren();
      if (lines.length) {
        var head = document.createElement("strong"), text = document.createElement("span");
        head.textContent = data.failing ? (age === null ? "No data yet" : "Showing the last data, " + words(age) + " old") : "Part of the data is missing";
        text.textContent = lines.slice(0, 2).join(" · ") + (lines.length > 2 ? " · and " + (lines.length - 2) + " more" : "");
        alarm.append(head, " ", text);
      }
    }
    show();
  }

  document.addEventListener("visibilitychange", function () { o.setProps("tick", { disabled: paused || document.hidden }); });
  window.setInterval(show, 1000);
  o.clientside.health = function (data) { health(data); return window.dash_clientside.no_update; };

  return {
    toggle: toggle,
    /* The instant that the numbers on the page are for, in milliseconds. */
    at: function () { return at === null || at === undefined ? Date.now() : at; },
  };
})();
