// What a person at a keyboard sees of the focus: window.focusRing(element) and window.focusComplaints().
(() => {
  const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";
  const RING_WIDTH = 2; // pixels
  const RING_CONTRAST = 3; // WCAG 2.2, 1.4.11

  const paint = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });

  function rgba(color) {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = color;
    paint.fillRect(0, 0, 1, 1);
    return paint.getImageData(0, 0, 1, 1).data;
  }

  function luminance([red, green, blue]) {
    const [r, g, b] = [red, green, blue].map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  function contrast(one, other) {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  }

  function behind(element) {
    for (let at = element.parentElement; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return rgba("white");
  }

  // A field's ring is drawn by its frame, a code's by the place that comes next.
  function drawers(element) {
    return [element, element.closest(".field__frame"), ...(element.closest(".code")?.querySelectorAll(".code__places, .code__places > span") ?? [])].filter(Boolean);
  }

  // Whether the focused element has a ring that one sees.
  window.focusRing = (element) => drawers(element).some((drawer) => {
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(drawer);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= RING_WIDTH && contrast(rgba(outlineColor), behind(drawer)) >= RING_CONTRAST;
  });

  window.focusName = (element) => `${element.tagName.toLowerCase()} "${(element.getAttribute("aria-label") || element.name || element.innerText || "").trim().slice(0, 40)}"`;

  function follows(before, after) {
    const [one, other] = [before.getBoundingClientRect(), after.getBoundingClientRect()];
    const sameLine = one.top < other.bottom && other.top < one.bottom;
    return sameLine ? other.left >= one.left : other.top >= one.top;
  }

  // What the Tab key would reach in the page's main part, in the order of the document: every ring, and that the order is the one seen.
  window.focusComplaints = () => {
    const had = document.activeElement;
    const complaints = [...document.querySelectorAll("[tabindex]")].filter((element) => element.tabIndex > 0).map((element) => `${focusName(element)} jumps the queue`);
    const reached = [...document.querySelectorAll(`main :is(${FOCUSABLE})`)].filter((element) => element.tabIndex >= 0 && !element.disabled && element.checkVisibility({ visibilityProperty: true }));
    for (const [index, element] of reached.entries()) {
      element.focus({ preventScroll: true });
      if (document.activeElement !== element) complaints.push(`${focusName(element)} takes no focus`);
      else if (!focusRing(element)) complaints.push(`${focusName(element)} shows no ring`);
      if (index && !follows(reached[index - 1], element)) complaints.push(`${focusName(element)} comes after ${focusName(reached[index - 1])}`);
    }
    had?.focus({ preventScroll: true });
    return complaints;
  };
})();
