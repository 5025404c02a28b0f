/* Instants and the wall clock of the reader's zone. Figures come on that clock; what is dragged on them goes back. */
window.observatoryZones = (function () {
  "use strict";
  var formats = {};

  function zone() { return document.documentElement.dataset.zone || "UTC"; }

  function parts(moment, name) {
    if (!formats[name]) {
      formats[name] = new Intl.DateTimeFormat("en-CA", {
        timeZone: name, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
      });
    }
    var found = {};
    formats[name].formatToParts(moment).forEach(function (part) { found[part.type] = part.value; });
    return found;
  }

  /* "2026-11-20 12:00" on the reader's clock. */
  function wall(moment) {
    var p = parts(moment, zone());
    return p.year + "-" + p.month + "-" + p.day + " " + p.hour + ":" + p.minute;
  }

  function offset(time) {
    var p = parts(new Date(time), zone());
    return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - Math.floor(time / 1000) * 1000;
  }

  /* The instant of a wall time given as if it were UTC. Of an hour that comes twice, the first. */
  function instant(asUtc) {
    var first = asUtc - offset(asUtc), second = asUtc - offset(first);
    return offset(second) === asUtc - second ? Math.min(first, second) : second;
  }

  /* What figures have on their time axis ("2026-11-20", "2026-11-20 10:00", "2026-11-20 10:00:00.1234") as milliseconds
     of the wall clock. */
  function clockOf(text) {
    var day = String(text).slice(0, 10), time = String(text).slice(11);
    return Date.parse(day + "T" + ((time || "00:00") + (/^\d+:\d+$/.test(time || "00:00") ? ":00" : "")).replace(/(\.\d{3})\d*$/, "$1") + "Z");
  }
  /* The same, or milliseconds of the wall clock, as RFC 3339; empty where it is no time. */
  function fromFigure(value) {
    var clock = typeof value === "number" ? value : clockOf(value);
    return isNaN(clock) ? "" : new Date(instant(clock)).toISOString().slice(0, 19) + "Z";
  }

  return { zone: zone, wall: wall, clockOf: clockOf, fromFigure: fromFigure };
})();
