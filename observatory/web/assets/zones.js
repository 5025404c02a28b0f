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

  /* What plotly hands over ("2026-11-20 10:00:00.1", or milliseconds) as RFC 3339; empty where it is no time. */
  function fromFigure(value) {
    var asUtc = typeof value === "number" ? value : Date.parse(String(value).replace(" ", "T").replace(/(\.\d{3})\d*$/, "$1") + (String(value).length > 10 ? "Z" : "T00:00:00Z"));
    return isNaN(asUtc) ? "" : new Date(instant(asUtc)).toISOString().slice(0, 19) + "Z";
  }

  return { zone: zone, wall: wall, instant: instant, fromFigure: fromFigure };
})();
