// Links with data-opens="dialog-id" open that dialog; without this script they lead to a page that asks the same.

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener && !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    const dialog = document.getElementById(opener.dataset.opens);
    if (dialog?.showModal) { event.preventDefault(); dialog.showModal(); }
    return;
  }
  if (event.target.closest("[data-closes]")) event.target.closest("dialog")?.close();
  // A click beside the dialog lands on the dialog element itself.
  else if (event.target.localName === "dialog" && isBeside(event.target, event)) event.target.close();
});

function isBeside(dialog, { clientX, clientY }) {
  const box = dialog.getBoundingClientRect();
  return clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom;
}
