// On a phone the list of sections is one row: bring the current one into view, without moving the page.

const row = document.querySelector(".sections");
const current = row?.querySelector("[aria-current]");
if (current) row.scrollLeft += current.getBoundingClientRect().left - row.getBoundingClientRect().left - (row.clientWidth - current.clientWidth) / 2;
