/* Keyboard and presses: which row is chosen, which of its numbers, and what every key and button does. */
window.observatoryKeys = (function () {
  "use strict";
  var o = window.observatory, selected = -1, leader = 0;

  function help(shown) {
    var node = o.byId("help");
    if (!node || node.hidden === !shown) return false;
    node.hidden = !shown;
    if (shown) node.querySelector("button").focus(); else o.byId("main").focus({ preventScroll: true });
    return true;
  }

  /* Rows in reading order: panel by panel, and from the top down in each, for a grid keeps its rows in no order.
     None while a grid is still being drawn: the first row must be the same however fast the browser is. */
  function rows() {
    var found = [];
    if (document.querySelector("main .panel:has(.channel-grid):not(:has(.ag-row, .ag-overlay-no-rows-center))")) return found;
    [].forEach.call(document.querySelectorAll("main .panel"), function (panel) {
      var inside = [].slice.call(panel.querySelectorAll(".ag-center-cols-container .ag-row, table.rows tbody tr, table.objectives tbody tr"));
      found = found.concat(inside.sort(function (a, b) { return a.getBoundingClientRect().top - b.getBoundingClientRect().top; }));
    });
    return found;
  }
  function select(step) {
    var all = rows(), now = all.indexOf(document.querySelector("tr.chosen, .ag-row.chosen"));
    if (!all.length) return;
    all.forEach(function (row) { row.classList.remove("chosen"); });
    selected = Math.max(0, Math.min(all.length - 1, (now >= 0 ? now : selected) + step));
    all[selected].classList.add("chosen");
    all[selected].scrollIntoView({ block: "nearest" });
    if (document.activeElement && document.activeElement.closest("tr, .ag-row")) o.byId("main").focus({ preventScroll: true });
  }
  function chosen() { return document.querySelector("tr.chosen, .ag-row.chosen"); }
  function openSelected() {
    var row = chosen(), link = row && row.querySelector("a.inward");
    if (link) o.open(link.getAttribute("href"));
  }
  /* The numbers of the chosen row, of which the arrows move the focus. */
  function numbers() { var row = chosen(); return row ? [].slice.call(row.querySelectorAll("[data-explain]")) : []; }
  function along(step) {
    var all = numbers(), now = all.indexOf(document.activeElement);
    if (!all.length) return false;
    all[now < 0 ? (step > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, now + step))].focus();
    return true;
  }
  function explain() {
    var at = document.activeElement && document.activeElement.closest("[data-explain]"), first = at || numbers()[0] || document.querySelector("main [data-explain]");
    if (first) window.observatoryDrawer.open(first, first);
  }

  function go(event) {
    switch (event.key) {
      case "g": leader = performance.now(); return true;
      case "/": o.byId("filter").focus(); return true;
      case "j": select(1); return true;
      case "k": select(-1); return true;
      case "e": explain(); return true;
      case "t": window.observatoryDisplay.nextTheme(); return true;
      case "z": window.observatoryDisplay.nextZone(); return true;
      case "r": window.observatoryRefresh.toggle(); return true;
      case "c": o.copyLink(); return true;
      case "0": o.push({ from: "", to: "" }); return true;
      case "?": help(true); return true;
      case "Enter":
        if (event.target !== document.body && event.target.id !== "main") return false;
        openSelected();
        return true;
      /* Arrows scroll until a row is chosen, and what is scrolled with them goes on scrolling. */
      case "ArrowDown": if (!chosen() || event.target.closest("pre, #drawer")) return false; select(1); return true;
      case "ArrowUp": if (!chosen() || event.target.closest("pre, #drawer")) return false; select(-1); return true;
      case "ArrowRight": return !event.target.closest("pre, #drawer") && along(1);
      case "ArrowLeft": return !event.target.closest("pre, #drawer") && along(-1);
      default: return false;
    }
  }

  function onKey(event) {
    var typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
    if (window.observatoryMenu.key(event)) return;
    if (event.key === "Escape") {
      if (help(false)) return;
      if (typing) { event.target.blur(); return; }
      window.observatoryDrawer.close();
      return;
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (leader && performance.now() - leader < 1500) {
      var link = document.querySelector('.page-link[data-key="' + CSS.escape(event.key) + '"]');
      leader = 0;
      if (link) { event.preventDefault(); o.open(link.getAttribute("href")); return; }
    }
    if (go(event)) event.preventDefault();
  }

  function onClick(event) {
    var at = event.target.closest ? event.target : event.target.parentElement;
    if (!at) return;
    var link = at.closest("a.inward");
    if (link && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      event.stopPropagation();
      o.open(link.getAttribute("href"));
      return;
    }
    var number = at.closest("[data-explain]");
    if (number) { window.observatoryDrawer.open(number, at); return; }
    var set = at.closest("[data-set]");
    if (set) { var pair = {}; pair[set.dataset.set] = set.dataset.to; o.push(pair); return; }
    var range = at.closest("[data-range]");
    if (range) { o.push({ range: range.dataset.range, from: "", to: "" }); return; }
    press(at);
  }
  function press(at) {
    if (at.closest("#display")) window.observatoryDisplay.open(at.closest("#display"));
    else if (at.closest(".panel-menu")) window.observatoryPanels.open(at.closest(".panel-menu"));
    else if (at.closest("#help-button")) help(true);
    else if (at.closest('[data-close="drawer"]')) window.observatoryDrawer.close();
    else if (at.closest("[data-close]") || at.id === "help") help(false);
    else if (at.closest("#domain-chip")) o.push({ domain: "", owner: "", broker: "", ch: "", from: "", to: "" });
    else if (at.closest("#freshness")) window.observatoryRefresh.toggle();
    else if (at.closest("[data-copy-link]")) o.copyLink();
    else if (at.closest("[data-copy]")) o.copy(at.closest("[data-copy]").dataset.copy, "Copied");
  }

  function onChange(event) {
    var chosen = event.target.closest("select[data-set]"), pair = {};
    if (chosen) { pair[chosen.dataset.set] = chosen.value; o.push(pair); }
  }

  var typing = 0;
  function onInput(event) {
    if (event.target.id !== "filter") return;
    window.clearTimeout(typing);
    typing = window.setTimeout(function () { o.push({ q: event.target.value.trim() }, true); }, 250);
  }

  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onClick, true);
  document.addEventListener("input", onInput, true);
  document.addEventListener("change", onChange, true);

  return { begin: function () { selected = -1; } };
})();
