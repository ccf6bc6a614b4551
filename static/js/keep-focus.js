// When htmx puts a new list in the place of the one whose button was pressed, the focus goes to that list, and not to the top of the page.

document.addEventListener("htmx:after:swap", () => {
  if (document.activeElement === document.body) document.querySelector("[data-keeps-focus]")?.focus({ preventScroll: true });
});
