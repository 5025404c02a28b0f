/* How the pages look: theme, colours, time zone, paper. In the address where it was there, in the browser otherwise. */
window.observatoryDisplay = (function () {
  "use strict";
  var o = window.observatory, root = document.documentElement, choices = window.observatoryChoices;
  var KEYS = { theme: "theme", colours: "colours", zone: "tz" };

  function keep(name, value) {
    try { window.localStorage.setItem("observatory-" + name, value); } catch (refused) { /* a private window keeps nothing */ }
    var change = {};
    if (o.query().has(KEYS[name])) change[KEYS[name]] = value;
    choices.resolve();
    o.push(change, true);
  }
  function setTheme(value) { root.dataset.wanted = value; keep("theme", value); o.say("Theme: " + value); }
  function setColours(value) { root.dataset.colours = value; keep("colours", value); o.say(value === "safe" ? "Colours: colour-blind safe" : "Colours: usual"); }
  function setZone(value) {
    root.dataset.wantedZone = value;
    keep("zone", value);
    o.say("Times in " + window.observatoryZones.zone());
  }

  function nextTheme() {
    var order = ["system", "dark", "light"], now = root.dataset.wanted, shown = root.dataset.theme.replace("-safe", "");
    var next = order[(order.indexOf(now) + 1) % 3];
    /* A press must be seen: skip the choice that looks like the present one. */
    if (next === shown) next = order[(order.indexOf(next) + 1) % 3];
    setTheme(next);
  }
  function nextZone() { setZone(root.dataset.wantedZone === "UTC" ? "browser" : "UTC"); }

  function zoneField() {
    var box = window.observatoryMenu.make("label", "any other", { "class": "menu-field" });
    var field = window.observatoryMenu.make("input", "", { type: "text", list: "zone-names", placeholder: "Asia/Tokyo", "aria-label": "Time zone by IANA name", spellcheck: "false", autocomplete: "off" });
    var names = window.observatoryMenu.make("datalist", "", { id: "zone-names" });
    (Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : []).forEach(function (name) { names.appendChild(window.observatoryMenu.make("option", "", { value: name })); });
    if (["UTC", "browser"].indexOf(root.dataset.wantedZone) < 0) field.value = root.dataset.wantedZone;
    field.addEventListener("keydown", function (event) {
      if (event.key !== "Enter") return;
      var name = field.value.trim();
      if (!choices.isZone(name)) { field.setAttribute("aria-invalid", "true"); o.say("There is no time zone " + name); return; }
      window.observatoryMenu.close(true);
      setZone(name);
    });
    box.append(field, names);
    return box;
  }

  function open(button) {
    var own = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC", wanted = root.dataset.wantedZone;
    function choice(words, value, now, run) { return { words: words, chosen: now === value, run: function () { run(value); } }; }
    window.observatoryMenu.open(button, [
      { title: "Theme", items: [choice("System", "system", root.dataset.wanted, setTheme), choice("Dark", "dark", root.dataset.wanted, setTheme), choice("Light", "light", root.dataset.wanted, setTheme)] },
      { title: "Colours", items: [choice("Usual", "usual", root.dataset.colours, setColours), choice("Colour-blind safe", "safe", root.dataset.colours, setColours)] },
      { title: "Times", items: [choice("UTC", "UTC", wanted, setZone), choice("This browser, " + own, "browser", wanted, setZone)], node: zoneField() },
      { title: "Page", items: [{ words: "Print", run: function () { window.print(); } }, { words: "Copy link", run: o.copyLink }] },
    ], "Display");
  }

  window.matchMedia("(prefers-color-scheme: light)").addEventListener("change", function () {
    if (root.dataset.wanted !== "system") return;
    choices.resolve();
    o.renew();
  });

  return { open: open, nextTheme: nextTheme, nextZone: nextZone };
})();
