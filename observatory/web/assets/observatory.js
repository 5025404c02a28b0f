/* The address bar, the keyboard, the theme, the age of the data. No framework beyond what Dash brings. */
window.observatory = (function () {
  "use strict";
  var RANGES = ["1h", "6h", "24h", "7d", "30d"], KEPT = ["range", "from", "to", "q", "domain", "theme"];
  var paused = false, age = null, ageTaken = 0, failing = false, selected = -1, leader = 0;

  function byId(id) { return document.getElementById(id); }
  function setProps(id, props) { if (window.dash_clientside && window.dash_clientside.set_props) window.dash_clientside.set_props(id, props); }
  function query() { return new URLSearchParams(window.location.search); }

  /* The page's own range, from its link in the top bar; other pages have the usual one. */
  function home() { return window.location.pathname === "/" ? "/on-call" : window.location.pathname; }
  function usual() {
    var link = document.querySelector('.page-link[data-page="' + CSS.escape(home()) + '"]');
    return (link && link.dataset.rangeDefault) || "24h";
  }

  /* The view as the server wants it: known keys in a fixed order, theme resolved. Equal views are equal texts. */
  function canonical() {
    var have = query(), out = new URLSearchParams();
    ["range", "from", "to", "q", "domain", "ch", "trace"].forEach(function (key) { if (have.get(key)) out.set(key, have.get(key)); });
    if (!out.get("range") && !out.get("from")) out.set("range", usual());
    out.set("theme", document.documentElement.dataset.theme);
    return "?" + out.toString();
  }

  function reflect() {
    var have = query(), fixed = have.get("from") && have.get("to"), range = have.get("range") || usual();
    document.querySelectorAll("[data-range]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(!fixed && button.dataset.range === range));
    });
    var here = home();
    document.querySelectorAll(".page-link").forEach(function (link) {
      if (link.dataset.page === here) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
    });
    var filter = byId("filter"), chip = byId("domain-chip"), words = [];
    if (filter && document.activeElement !== filter && filter.value !== (have.get("q") || "")) setProps("filter", { value: have.get("q") || "" });
    if (have.get("domain")) words.push(have.get("domain"));
    if (fixed) words.push(have.get("from").slice(5, 16).replace("T", " ") + " to " + have.get("to").slice(11, 16));
    if (chip) { chip.hidden = !words.length; chip.textContent = words.join(" · ") + " ×"; }
  }

  function push(changes, replace) {
    var next = query();
    Object.keys(changes).forEach(function (key) { if (changes[key]) next.set(key, changes[key]); else next.delete(key); });
    if (next.get("range") === usual()) next.delete("range");
    var text = next.toString(), target = window.location.pathname + (text ? "?" + text : "");
    if (replace) window.history.replaceState(window.history.state, "", target); else window.history.pushState({}, "", target);
    reflect();
    setProps("view", { data: canonical() });
  }

  /* Go to another page and take range, filters and theme along. */
  function open(href) {
    var target = new URL(href, window.location.href), have = query();
    KEPT.forEach(function (key) { if (have.get(key) && !target.searchParams.has(key)) target.searchParams.set(key, have.get(key)); });
    window.history.pushState({}, "", target.pathname + target.search);
    window.dispatchEvent(new PopStateEvent("popstate", { state: {} }));
    window.scrollTo(0, 0);
  }

  function setTheme(wanted, keep) {
    var dark = wanted === "dark" || (wanted === "system" && !window.matchMedia("(prefers-color-scheme: light)").matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.documentElement.dataset.wanted = wanted;
    if (keep) {
      try { window.localStorage.setItem("observatory-theme", wanted); } catch (refused) { /* a private window keeps nothing */ }
      push({ theme: query().has("theme") ? wanted : "" }, true);
    } else setProps("view", { data: canonical() });
  }
  function nextTheme() {
    var order = ["system", "dark", "light"], now = document.documentElement.dataset.wanted || "system", shown = document.documentElement.dataset.theme;
    var next = order[(order.indexOf(now) + 1) % 3];
    /* A press must be seen: skip the choice that looks like the present one. */
    if (next === shown) next = order[(order.indexOf(next) + 1) % 3];
    setTheme(next, true);
    say("Theme: " + next);
  }

  var saying = 0;
  function say(words) {
    var node = byId("toast");
    if (!node) { node = document.createElement("div"); node.id = "toast"; node.setAttribute("role", "status"); document.body.appendChild(node); }
    node.textContent = words;
    node.className = "shown";
    window.clearTimeout(saying);
    saying = window.setTimeout(function () { node.className = ""; }, 1800);
  }

  function setPaused(value) {
    paused = value;
    setProps("tick", { disabled: paused || document.hidden });
    showAge();
  }

  function words(seconds) {
    if (seconds < 100) return Math.round(seconds) + " s";
    if (seconds < 5400) return Math.round(seconds / 60) + " min";
    if (seconds < 172800) return Math.round(seconds / 3600) + " h";
    return Math.round(seconds / 86400) + " d";
  }
  function showAge() {
    var node = byId("age"), button = byId("freshness");
    if (!node || !button) return;
    var every = Number(button.dataset.interval) || 30, now = age === null ? null : age + (performance.now() - ageTaken) / 1000;
    node.textContent = now === null ? "reading…" : words(now) + " ago · " + (paused ? "paused" : "every " + every + " s");
    /* Numbers are for the last full minute, so up to a minute and two refreshes is fresh. */
    var late = now === null ? 0 : (now - 60) / every;
    if (now !== null) document.querySelectorAll(".stale .age-words").forEach(function (one) { one.textContent = words(now); });
    button.dataset.state = failing || late > 5 ? "old" : paused || late > 2 ? "late" : "fresh";
  }

  function showHealth(data) {
    if (!data) return;
    age = data.age; ageTaken = performance.now(); failing = data.failing;
    var alarm = byId("alarm"), ill = (data.sources || []).filter(function (one) { return one.state !== "ok"; }), lines = [];
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
    showAge();
  }

  function copyLink() {
    var have = query(), seconds = { "1h": 3600, "6h": 21600, "24h": 86400, "7d": 604800, "30d": 2592000 };
    if (!have.get("from")) {
      var end = Date.now() - (age === null ? 0 : 1000 * age + performance.now() - ageTaken), length = seconds[have.get("range") || usual()] || 86400;
      have.delete("range");
      have.set("from", new Date(end - 1000 * length).toISOString().slice(0, 19) + "Z");
      have.set("to", new Date(end).toISOString().slice(0, 19) + "Z");
    }
    var link = window.location.origin + window.location.pathname + "?" + have.toString();
    copy(link, "Link copied; its time is frozen");
  }
  function copy(text, done) {
    if (navigator.clipboard && window.isSecureContext) navigator.clipboard.writeText(text).then(function () { say(done); }, function () { say(text); });
    else say(text);
  }

  function help(shown) { var node = byId("help"); if (node) { node.hidden = !shown; if (shown) node.querySelector("button").focus(); } }

  /* Rows in reading order: panel by panel, and from the top down in each, for a grid keeps its rows in no order.
     None while a grid is still being drawn: the first row must be the same however fast the browser is. */
  function rows() {
    var found = [];
    if (document.querySelector("main .panel:has(.channel-grid):not(:has(.ag-row, .ag-overlay-no-rows-center))")) return found;
    [].forEach.call(document.querySelectorAll("main .panel"), function (panel) {
      var inside = [].slice.call(panel.querySelectorAll(".ag-center-cols-container .ag-row, table.rows tbody tr"));
      found = found.concat(inside.sort(function (a, b) { return a.getBoundingClientRect().top - b.getBoundingClientRect().top; }));
    });
    return found;
  }
  function select(step) {
    var all = rows();
    if (!all.length) return;
    all.forEach(function (row) { row.classList.remove("chosen"); });
    selected = Math.max(0, Math.min(all.length - 1, selected + step));
    all[selected].classList.add("chosen");
    all[selected].scrollIntoView({ block: "nearest" });
  }
  function openSelected() {
    var row = document.querySelector(".chosen"), link = row && row.querySelector("a.inward");
    if (link) open(link.getAttribute("href"));
  }

  function onKey(event) {
    var typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
    if (event.key === "Escape") { help(false); if (typing) event.target.blur(); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    var now = performance.now();
    if (leader && now - leader < 1500) {
      var link = document.querySelector('.page-link[data-key="' + CSS.escape(event.key) + '"]');
      leader = 0;
      if (link) { event.preventDefault(); open(link.getAttribute("href")); return; }
    }
    switch (event.key) {
      case "g": leader = now; return;
      case "/": event.preventDefault(); byId("filter").focus(); return;
      case "j": select(1); return;
      case "k": select(-1); return;
      case "Enter": if (event.target === document.body || event.target.id === "main") openSelected(); return;
      case "t": nextTheme(); return;
      case "r": setPaused(!paused); say(paused ? "Refreshing paused" : "Refreshing"); return;
      case "c": copyLink(); return;
      case "?": help(true); return;
      default: return;
    }
  }

  function onClick(event) {
    var at = event.target.closest ? event.target : event.target.parentElement;
    if (!at) return;
    var link = at.closest("a.inward");
    if (link && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      event.stopPropagation();
      open(link.getAttribute("href"));
      return;
    }
    var set = at.closest("[data-set]");
    if (set) { var pair = {}; pair[set.dataset.set] = set.dataset.to; push(pair); return; }
    var range = at.closest("[data-range]");
    if (range) { push({ range: range.dataset.range, from: "", to: "" }); return; }
    if (at.closest("#theme")) nextTheme();
    else if (at.closest("#help-button")) help(true);
    else if (at.closest("[data-close]") || at.id === "help") help(false);
    else if (at.closest("#domain-chip")) push({ domain: "", from: "", to: "" });
    else if (at.closest("#freshness")) setPaused(!paused);
    else if (at.closest("[data-copy-link]")) copyLink();
    else if (at.closest("[data-copy]")) copy(at.closest("[data-copy]").dataset.copy, "Copied");
  }

  var typing = 0;
  function onInput(event) {
    if (event.target.id !== "filter") return;
    window.clearTimeout(typing);
    typing = window.setTimeout(function () { push({ q: event.target.value.trim() }, true); }, 250);
  }

  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onClick, true);
  document.addEventListener("input", onInput, true);
  document.addEventListener("visibilitychange", function () { setProps("tick", { disabled: paused || document.hidden }); });
  window.matchMedia("(prefers-color-scheme: light)").addEventListener("change", function () {
    if (document.documentElement.dataset.wanted === "system") setTheme("system", false);
  });
  window.setInterval(showAge, 1000);

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    observatory: {
      view: function () { selected = -1; window.setTimeout(reflect, 0); return canonical(); },
      health: function (data) { showHealth(data); return window.dash_clientside.no_update; },
      zoom: function (every) {
        var latest = (window.dash_clientside.callback_context.triggered || [])[0], change = latest && latest.value;
        if (change && change["xaxis.range[0]"] !== undefined) {
          var from = iso(change["xaxis.range[0]"]), to = iso(change["xaxis.range[1]"]);
          if (from && to) push({ from: from, to: to, range: "" });
        } else if (change && change["xaxis.autorange"] && query().get("from")) push({ from: "", to: "" });
        return window.dash_clientside.no_update;
      },
    },
  });
  function iso(value) {
    /* plotly hands over "2026-11-20 10:00:00.1" in UTC, or milliseconds. */
    var moment = typeof value === "number" ? new Date(value) : new Date(String(value).replace(" ", "T").replace(/(\.\d{3})\d*$/, "$1") + "Z");
    return isNaN(moment) ? "" : moment.toISOString().slice(0, 19) + "Z";
  }

  return { open: open, push: push };
})();
