// Run inside a rendered page. `texts()` lists what may be rewritten, `rewrite(list)` puts it back, `asked()` lists
// the fields that are empty, `fill(list)` fills them, `read()` returns every text
// that can be seen whole, with its role and box in pixels of the viewport.
(() => {
  const SKIPPED = new Set(["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "OPTION", "TITLE"]);
  const FIELDS = "input, textarea, select";
  const FILLED = ["text", "email", "tel", "number"].map((type) => `input[type=${type}]`).join(", ");
  const UNWRITTEN = new Set(
    "checkbox radio range color file hidden image password date datetime-local month time week".split(" "),
  );

  const GAP = 9; // pixels; more than a space of the largest text

  const squeeze = (text) => text.replace(/\s+/g, " ").trim();

  function nodes() {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (squeeze(node.data) && !SKIPPED.has(node.parentElement.tagName)) found.push(node);
    }
    return found;
  }

  const shown = (element) =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true });

  // Whether a point of a text is the text's own: nothing lies over it and no frame cuts it off.
  function clear(x, y, element) {
    const hit = document.elementFromPoint(x, y);
    return hit !== null && (hit === element || element.contains(hit));
  }

  function uncovered(rect, element) {
    const inside =
      rect.left >= 0 && rect.top >= 0 && rect.right <= innerWidth && rect.bottom <= innerHeight && rect.height > 0;
    if (!inside) return false;
    const middle = (rect.top + rect.bottom) / 2;
    return [rect.left + 1, (rect.left + rect.right) / 2, rect.right - 1].every((x) => clear(x, middle, element));
  }

  function isIcon(element) {
    const [family] = getComputedStyle(element).fontFamily.split(",");
    return /awesome|icon|glyph/i.test(family) || element.closest("svg") !== null;
  }

  // The element that lays the text out as a line or paragraph of its own.
  function block(node) {
    let element = node.parentElement;
    while (getComputedStyle(element).display === "inline" && element.parentElement) element = element.parentElement;
    return element;
  }

  function role(element) {
    const near = element.closest("a, button, [role=button], th, td, label, h1, h2, h3, h4, h5, h6");
    if (near === null) return "text";
    if (near.matches("a, button, [role=button]") && element.closest("aside, nav, .sidebar")) return "menu";
    const tag = near.tagName.toLowerCase();
    if (tag === "a") return near.classList.contains("btn") ? "button" : "link";
    if (tag === "button" || near.getAttribute("role") === "button") return "button";
    if (tag === "th") return "header";
    if (tag === "td") return "cell";
    return tag === "label" ? "label" : "heading";
  }

  const box = (rects) => [
    Math.floor(Math.min(...rects.map((r) => r.left))),
    Math.floor(Math.min(...rects.map((r) => r.top))),
    Math.ceil(Math.max(...rects.map((r) => r.right))),
    Math.ceil(Math.max(...rects.map((r) => r.bottom))),
  ];

  function lines(rects) {
    const middles = rects.map((r) => (r.top + r.bottom) / 2).sort((a, b) => a - b);
    return 1 + middles.filter((y, i) => i > 0 && y - middles[i - 1] > 6).length;
  }

  // Texts of one line that stand apart are texts of their own.
  function runs(parts) {
    const all = [[parts[0]]];
    for (const [i, node] of parts.slice(1).entries()) {
      const [before, after] = [parts[i], node].map((text) => {
        const range = document.createRange();
        range.selectNodeContents(text);
        return [...range.getClientRects()];
      });
      const [left, right] = [before.at(-1), after[0]];
      const apart = left && right && right.left - left.right > GAP && right.top < left.bottom;
      if (apart) all.push([node]);
      else all.at(-1).push(node);
    }
    return all;
  }

  // [table, row, column, rows of the table] of a cell that spans nothing; null elsewhere.
  function place(element) {
    const cell = element.closest("td, th");
    const table = cell && cell.closest("table");
    if (!table || table.querySelector("[rowspan]:not([rowspan='1']), [colspan]:not([colspan='1'])")) return null;
    const tables = [...document.querySelectorAll("table")];
    return [tables.indexOf(table), cell.parentElement.rowIndex, cell.cellIndex, table.rows.length];
  }

  function texts() {
    return nodes().map((node) => {
      const element = node.parentElement;
      return { text: squeeze(node.data), role: role(element), icon: isIcon(element) };
    });
  }

  function rewrite(list) {
    nodes().forEach((node, i) => {
      const old = squeeze(node.data);
      if (list[i] !== undefined && list[i] !== old) node.data = node.data.replace(node.data.trim(), list[i]);
    });
  }

  // Whether any part of a text is in the window, seen well or not.
  const near = (rects) =>
    rects.some((r) => r.right > 0 && r.bottom > 0 && r.left < innerWidth && r.top < innerHeight && r.width > 0);

  function written(others) {
    const blocks = new Map();
    for (const node of nodes()) {
      const key = block(node);
      if (!blocks.has(key)) blocks.set(key, []);
      blocks.get(key).push(node);
    }
    const found = [];
    for (const [element, parts] of [...blocks].flatMap(([key, list]) => runs(list).map((run) => [key, run]))) {
      const all = parts.map((node) => {
        const range = document.createRange();
        range.selectNodeContents(node);
        const rects = [...range.getClientRects()].filter((r) => r.width > 0 && r.height > 0);
        const parent = node.parentElement;
        const good = rects.length > 0 && shown(parent) && !isIcon(parent) && rects.every((r) => uncovered(r, parent));
        return { text: squeeze(node.data), rects, good, size: parseFloat(getComputedStyle(parent).fontSize) };
      });
      if (!all.every((part) => part.good)) {
        others.push(...all.filter((part) => near(part.rects)).map((part) => part.text));
        continue;
      }
      const rects = all.flatMap((part) => part.rects);
      const control = element.closest("a, button, [role=button]");
      found.push({
        element,
        text: squeeze(displayed(element, parts)),
        role: role(element),
        box: box(rects),
        control: control && uncovered(control.getBoundingClientRect(), control) ? box([control.getBoundingClientRect()]) : null,
        lines: lines(rects),
        size: Math.min(...all.map((part) => part.size)),
        place: place(element),
      });
    }
    return found;
  }

  function displayed(element, parts) {
    const text = parts.map((node) => node.data).join("");
    const change = getComputedStyle(parts[0].parentElement).textTransform;
    if (change === "uppercase") return text.toUpperCase();
    if (change === "lowercase") return text.toLowerCase();
    return change === "capitalize" ? text.replace(/(^|\s)\S/g, (letters) => letters.toUpperCase()) : text;
  }

  const label = (field) => squeeze(field.labels?.[0]?.textContent ?? "");

  function empties() {
    return [...document.querySelectorAll(FILLED)].filter((field) => !field.value && !field.readOnly);
  }

  function fill(list) {
    empties().forEach((field, i) => (field.value = list[i]));
  }

  // The box of a field's text: one line, after the padding on the left.
  function inside(field, rect, text) {
    const style = getComputedStyle(field);
    const pixels = (name) => parseFloat(style[name]) || 0;
    const brush = document.createElement("canvas").getContext("2d");
    brush.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    const size = pixels("fontSize");
    const [left, right] = [rect.left + pixels("borderLeftWidth") + pixels("paddingLeft"), rect.right - pixels("paddingRight")];
    const width = brush.measureText(text).width;
    const top =
      field.tagName === "TEXTAREA"
        ? rect.top + pixels("borderTopWidth") + pixels("paddingTop")
        : (rect.top + rect.bottom - 1.2 * size) / 2;
    const fits = left + width <= right && ["left", "start"].includes(style.textAlign) && !text.includes("\n");
    return fits ? new DOMRect(left, top, width, 1.2 * size) : null;
  }

  function fields(others) {
    const found = [];
    for (const element of document.querySelectorAll(FIELDS)) {
      const rect = element.getBoundingClientRect();
      if (!shown(element) || !near([rect])) continue;
      if (UNWRITTEN.has(element.type)) {
        others.push(squeeze(element.placeholder ?? ""));
        continue;
      }
      const chosen = element.tagName === "SELECT" ? element.selectedOptions[0]?.text : element.value;
      const text = squeeze(chosen || element.placeholder || "");
      if (!text) continue;
      const around = element.multiple || element.size > 20 ? null : inside(element, rect, chosen || element.placeholder);
      if (around === null || !uncovered(rect, element)) {
        others.push(text);
        continue;
      }
      found.push({
        element,
        text,
        role: "field",
        box: box([around]),
        control: box([rect]),
        lines: 1,
        size: parseFloat(getComputedStyle(element).fontSize),
        place: null,
        label: label(element),
      });
    }
    return found;
  }

  // Which texts belong together: the smallest element around each that holds another one.
  function group(found) {
    const ids = new Map();
    for (const item of found) {
      let around = item.element;
      while (around && found.filter((other) => around.contains(other.element)).length < 2) around = around.parentElement;
      if (!ids.has(around)) ids.set(around, ids.size);
      item.group = ids.get(around);
    }
  }

  function read() {
    const others = [...(window.__drawn ?? [])];
    const found = [...written(others), ...fields(others)];
    group(found);
    return { elements: found.map(({ element, ...rest }) => rest), others };
  }

  const asked = () => empties().map((field) => ({ type: field.type, label: label(field) }));

  window.__adagym = { texts, rewrite, asked, fill, read };
})();
