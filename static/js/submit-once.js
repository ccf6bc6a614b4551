// A form is sent once: its button says that it is busy, keeps its width and its focus, and wakes up again when the page comes
// back from the browser's history or when htmx has put the answer in.

const PATIENCE = 800; // ms; a page that comes sooner says enough by itself

function sleep(form, button) {
  form.dataset.sent = "";
  const doing = button?.querySelector(".button__doing")?.textContent;
  setTimeout(() => { if (doing && "sent" in form.dataset) document.getElementById("announcer").textContent = doing; }, PATIENCE);
  if (button?.querySelector(".button__busy")) button.setAttribute("aria-busy", "true");
  button?.setAttribute("aria-disabled", "true");
}

function wake(form) {
  delete form.dataset.sent;
  for (const button of form.elements) {
    if (button.localName === "button") { button.removeAttribute("aria-busy"); button.removeAttribute("aria-disabled"); }
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog") return;
  if ("sent" in form.dataset) { event.preventDefault(); return; }
  if (event.defaultPrevented && !event.submitter) return;
  // The button's name and value are read after this event, so it may only look switched off.
  sleep(form, event.submitter ?? form.querySelector("button[type=submit]"));
});

addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.querySelectorAll("form[data-sent]")) wake(form);
});
document.addEventListener("htmx:finally:request", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) wake(form);
});
