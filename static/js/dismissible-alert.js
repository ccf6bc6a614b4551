// <dismissible-alert>: a message that can be closed.

class DismissibleAlert extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector(".alert__close");
    button.hidden = false;
    button.addEventListener("click", () => this.remove());
  }
}

customElements.define("dismissible-alert", DismissibleAlert);
