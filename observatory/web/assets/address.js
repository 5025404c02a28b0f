/* The address bar is the only store of what a person looks at: range, filters, sort, open drawer, theme, zone. */
window.observatory = (function () {
  "use strict";
  var KEPT = ["range", "from", "to", "q", "domain", "owner", "broker", "theme", "colours", "tz"];
  var SECONDS = { "1h": 3600, "6h": 21600, "24h": 86400, "7d": 604800, "30d": 2592000 };
  var shown = null;

  function byId(id) { return document.getElementById(id); }
  function setProps(id, props) { if (window.dash_clientside && window.dash_clientside.set_props) window.dash_clientside.set_props(id, props); }
  function query() { return new URLSearchParams(window.location.search); }

  /* The page's own range, from its link in the top bar; other pages have the usual one. */
  function home() { return window.location.pathname === "/" ? "/on-call" : window.location.pathname; }
  function usual() {
    var link = document.querySelector('.page-link[data-page="' + CSS.escape(home()) + '"]');
    return (link && link.dataset.rangeDefault) || "24h";
  }

  /* The view as the server wants it: known keys in a fixed order, theme and zone resolved. Equal views are equal texts. */
  function canonical() {
    var have = query(), out = new URLSearchParams(), root = document.documentElement.dataset;
    ["range", "from", "to", "q", "domain", "owner", "broker", "ch", "trace", "journey"].forEach(function (key) { if (have.get(key)) out.set(key, have.get(key)); });
    if (!out.get("range") && !out.get("from")) out.set("range", usual());
    if (root.zone !== "UTC") out.set("tz", root.zone);
    out.set("theme", root.theme);
    return "?" + out.toString();
  }

  /* Panels are asked for again only when what they show is another view. */
  function renew() {
    var now = canonical();
    if (now !== shown) { shown = now; setProps("view", { data: now }); }
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
    var filter = byId("filter"), chip = byId("domain-chip"), words = [], length = fixed ? spanWords(have) : "";
    if (filter && document.activeElement !== filter && filter.value !== (have.get("q") || "")) setProps("filter", { value: have.get("q") || "" });
    ["domain", "owner", "broker", "ch"].forEach(function (key) { if (have.get(key)) words.push(have.get(key)); });
    if (fixed) words.push(length);
    if (chip) { chip.hidden = !words.length; chip.textContent = words.join(" · ") + " ×"; }
    var zone = byId("zone");
    if (zone) zone.textContent = zoneWords();
    var printed = byId("printed");
    if (printed) printed.textContent = ["Observatory", pageName(), fixed ? length : "last " + range, "times in " + window.observatoryZones.zone(), window.location.href].join(" · ");
  }
  function pageName() {
    var heading = document.querySelector("main h1"), link = document.querySelector(".page-link[aria-current]");
    return heading ? heading.textContent : link ? link.firstChild.textContent : decodeURIComponent(window.location.pathname);
  }
  function spanWords(have) {
    var from = window.observatoryZones.wall(new Date(have.get("from"))), to = window.observatoryZones.wall(new Date(have.get("to")));
    return from.slice(5) + " to " + (from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to.slice(5));
  }
  function zoneWords() {
    var name = window.observatoryZones.zone();
    return name === "UTC" ? name : name.split("/").pop().replace(/_/g, " ");
  }

  /* Change keys of the address. A replaced entry leaves no trace in the history. */
  function push(changes, replace) {
    var next = query();
    Object.keys(changes).forEach(function (key) { if (changes[key]) next.set(key, changes[key]); else next.delete(key); });
    if (next.get("range") === usual()) next.delete("range");
    var text = next.toString(), target = window.location.pathname + (text ? "?" + text : "");
    if (target !== window.location.pathname + window.location.search) {
      if (replace) window.history.replaceState(window.history.state, "", target); else window.history.pushState({}, "", target);
    }
    reflect();
    renew();
  }

  /* Go to another page and take range, filters and looks along. */
  function open(href) {
    var target = new URL(href, window.location.href), have = query();
    KEPT.forEach(function (key) { if (have.get(key) && !target.searchParams.has(key)) target.searchParams.set(key, have.get(key)); });
    window.history.pushState({}, "", target.pathname + target.search);
    window.dispatchEvent(new PopStateEvent("popstate", { state: {} }));
    window.scrollTo(0, 0);
  }

  /* A link to what is seen now: a relative range becomes the one that the newest numbers are for. */
  function copyLink() {
    var have = query();
    if (!have.get("from")) {
      var end = window.observatoryRefresh.at(), length = SECONDS[have.get("range") || usual()] || 86400;
      have.delete("range");
      have.set("from", new Date(end - 1000 * length).toISOString().slice(0, 19) + "Z");
      have.set("to", new Date(end).toISOString().slice(0, 19) + "Z");
    }
    copy(window.location.origin + window.location.pathname + "?" + have.toString(), "Link copied; its time is frozen");
  }
  function copy(text, done) {
    if (navigator.clipboard && window.isSecureContext) navigator.clipboard.writeText(text).then(function () { say(done); }, function () { say(text); });
    else say(text);
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

  window.addEventListener("beforeprint", reflect);
  /* The way back within a page: Dash knows addresses that it set itself, and sees no change where we set the last one. */
  var path = window.location.pathname;
  window.addEventListener("popstate", function (event) {
    var same = path === window.location.pathname;
    path = window.location.pathname;
    if (event.isTrusted && same) window.setTimeout(function () { reflect(); renew(); }, 0);
  });

  var clientside = {
    view: function () {
      window.setTimeout(function () { reflect(); window.observatoryDrawer.follow(); window.observatoryKeys.begin(); }, 0);
      shown = canonical();
      return shown;
    },
    zoom: function () {
      var latest = (window.dash_clientside.callback_context.triggered || [])[0], change = latest && latest.value;
      if (change && change["xaxis.range[0]"] !== undefined) {
        var from = window.observatoryZones.fromFigure(change["xaxis.range[0]"]), to = window.observatoryZones.fromFigure(change["xaxis.range[1]"]);
        if (from && to) push({ from: from, to: to, range: "" });
      } else if (change && change["xaxis.autorange"] && query().get("from")) push({ from: "", to: "" });
      return window.dash_clientside.no_update;
    },
  };
  window.dash_clientside = Object.assign({}, window.dash_clientside, { observatory: clientside });

  return { byId: byId, clientside: clientside, copy: copy, copyLink: copyLink, open: open, pageName: pageName, push: push, query: query, reflect: reflect, renew: renew, say: say, setProps: setProps };
})();
