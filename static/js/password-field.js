// <password-field>: shows and hides the password, and says when caps lock is on.

class PasswordField extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input");
    this.button = this.querySelector("button");
    this.caps = this.querySelector(".field__caps");
    this.button.hidden = false;
    this.button.addEventListener("click", () => { this.show(this.input.type === "password"); this.input.focus(); });
    // A shown password must not be offered again as ordinary text by the browser's form memory.
    this.input.form?.addEventListener("submit", () => this.show(false));
    for (const type of ["keydown", "keyup", "mousedown"]) this.input.addEventListener(type, (event) => this.tellCaps(event));
    this.input.addEventListener("blur", () => { this.caps.textContent = ""; });
  }

  show(shown) {
    const { selectionStart, selectionEnd } = this.input;
    this.input.type = shown ? "text" : "password";
    this.input.setSelectionRange(selectionStart, selectionEnd);
    this.button.setAttribute("aria-pressed", String(shown));
  }

  tellCaps(event) {
    const text = event.getModifierState?.("CapsLock") ? this.caps.dataset.text : "";
    if (this.caps.textContent !== text) this.caps.textContent = text;
  }
}

customElements.define("password-field", PasswordField);
