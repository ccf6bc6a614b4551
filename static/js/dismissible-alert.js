// <dismissible-alert>: a message that can be closed. It is read aloud once, by the region that was on the page before it.

const UNTIL_READ = 300; // ms; what is written while the page is still being announced is lost

class DismissibleAlert extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector(".alert__close");
    button.hidden = false;
    button.addEventListener("click", () => this.remove());
    const text = this.querySelector(".alert__text");
    text.removeAttribute("id"); // or the field that has it as its description would say it a second time
    const announcer = document.getElementById("announcer");
    announcer.textContent = ""; // the same words a second time are news as well
    setTimeout(() => {
      if (!this.contains(document.activeElement)) announcer.textContent = text.textContent.trim();
    }, UNTIL_READ);
  }
}

customElements.define("dismissible-alert", DismissibleAlert);
