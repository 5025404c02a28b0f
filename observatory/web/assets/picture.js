/* A picture of a panel: its markup and the page's own styles as one SVG image, drawn on a canvas. Nothing is fetched but
   the page's fonts, from this server. */
window.observatoryPicture = (function () {
  "use strict";
  var SCALE = 2, fonts = null;
  var PICTURE_ONLY = "* { scrollbar-width: none !important; animation: none !important; } .ag-body-vertical-scroll, .ag-body-horizontal-scroll { visibility: hidden !important; }";

  /* Rules that apply now. Those of media queries are taken out of them, for the picture has a size of its own. */
  function rules(list) {
    var text = "";
    [].forEach.call(list, function (rule) {
      if (rule.type === CSSRule.FONT_FACE_RULE) return;
      if (rule.type === CSSRule.MEDIA_RULE) text += window.matchMedia(rule.conditionText).matches ? rules(rule.cssRules) : "";
      else text += rule.cssText + "\n";
    });
    return text;
  }
  function styles() {
    return [].map.call(document.styleSheets, function (sheet) {
      try { return rules(sheet.cssRules); } catch (foreign) { return ""; }
    }).join("\n");
  }

  function dataUrl(blob) {
    return new Promise(function (done, failed) {
      var reader = new FileReader();
      reader.onload = function () { done(reader.result); };
      reader.onerror = failed;
      reader.readAsDataURL(blob);
    });
  }
  function faces() {
    if (fonts) return fonts;
    var wanted = [];
    [].forEach.call(document.styleSheets, function (sheet) {
      try {
        [].forEach.call(sheet.cssRules, function (rule) {
          if (rule.type === CSSRule.FONT_FACE_RULE) wanted.push({ text: rule.cssText, base: sheet.href || window.location.href });
        });
      } catch (foreign) { /* not ours */ }
    });
    fonts = Promise.all(wanted.map(function (face) {
      var path = /url\(["']?([^"')]+)/.exec(face.text);
      if (!path || path[1].indexOf("data:") === 0) return face.text;
      return fetch(new URL(path[1], face.base)).then(function (answer) { return answer.blob(); }).then(dataUrl).then(function (url) { return face.text.replace(path[1], url); });
    })).then(function (all) { return all.join("\n"); });
    return fonts;
  }

  /* The panel inside copies of what stands around it, so that its styles apply as they do on the page. */
  function copyOf(panel) {
    var copy = panel.cloneNode(true), main = document.createElement("main"), body = document.createElement("div");
    copy.querySelectorAll(".panel-menu").forEach(function (one) { one.remove(); });
    main.className = document.querySelector("main").className;
    main.setAttribute("style", "display:block;padding:0;margin:0;max-width:none");
    copy.style.width = panel.offsetWidth + "px";
    copy.style.height = panel.offsetHeight + "px";
    copy.style.boxSizing = "border-box";
    body.setAttribute("style", "margin:0;" + "font:13px/1.45 Inter,system-ui,sans-serif;color:var(--text);background:var(--background);width:" + panel.offsetWidth + "px");
    body.setAttribute("xmlns", "http://www.w3.org/1999/xhtml");
    main.appendChild(copy);
    body.appendChild(main);
    return body;
  }

  function take(panel) {
    var width = panel.offsetWidth, height = panel.offsetHeight;
    return faces().then(function (faceText) {
      var markup = new XMLSerializer().serializeToString(copyOf(panel)), holder = document.createElementNS("http://www.w3.org/2000/svg", "style");
      holder.textContent = faceText + styles() + PICTURE_ONLY;
      var text = '<svg xmlns="http://www.w3.org/2000/svg" data-theme="' + document.documentElement.dataset.theme + '" width="' + width + '" height="' + height + '" viewBox="0 0 ' + width + " " + height + '">' +
        new XMLSerializer().serializeToString(holder) + '<foreignObject width="100%" height="100%">' + markup + "</foreignObject></svg>";
      return new Promise(function (done, failed) {
        var image = new Image();
        image.onload = function () {
          var canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
          canvas.width = width * SCALE;
          canvas.height = height * SCALE;
          pen.scale(SCALE, SCALE);
          pen.fillStyle = getComputedStyle(document.body).backgroundColor;
          pen.fillRect(0, 0, width, height);
          pen.drawImage(image, 0, 0, width, height);
          canvas.toBlob(function (blob) { if (blob) done(blob); else failed(new Error("empty")); }, "image/png");
        };
        image.onerror = failed;
        image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
      });
    });
  }

  return { take: take };
})();
