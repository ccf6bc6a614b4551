// Passkeys: what a page's script does in both ceremonies (WebAuthn Level 3), and what it tells the browser's password manager.

function toBytes(text) {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function toText(buffer) {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function withBytes(descriptors) {
  return (descriptors ?? []).map((descriptor) => ({ ...descriptor, id: toBytes(descriptor.id) }));
}

// Asks the server to begin a ceremony; the answer's bytes are ready for navigator.credentials.
async function begin(address, form) {
  const fields = new URLSearchParams();
  const flow = form.elements.namedItem("flow")?.value;
  if (flow) fields.set("flow", flow);
  const answer = await fetch(address, { method: "POST", body: fields, headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`the ceremony could not begin: ${answer.status}`);
  const begun = await answer.json();
  const options = begun.publicKey;
  if (options) {
    options.challenge = toBytes(options.challenge);
    if (options.user) options.user.id = toBytes(options.user.id);
    if (options.allowCredentials) options.allowCredentials = withBytes(options.allowCredentials);
    if (options.excludeCredentials) options.excludeCredentials = withBytes(options.excludeCredentials);
  }
  return begun;
}

// Sends the answer as an ordinary form: what follows is a navigation, through every redirect up to the app.
function send(form, ceremony, credential) {
  form.elements.namedItem("ceremony").value = ceremony;
  form.elements.namedItem("credential").value = JSON.stringify(credential);
  form.submit();
}

// What a new passkey's authenticator answered.
function made({ id, type, response }) {
  return {
    id,
    type,
    response: {
      clientDataJSON: toText(response.clientDataJSON),
      attestationObject: toText(response.attestationObject),
      transports: response.getTransports?.() ?? [],
    },
  };
}

function busy(form, on) {
  const button = form.querySelector("button[type=submit]");
  if (on) { button.setAttribute("aria-busy", "true"); button.setAttribute("aria-disabled", "true"); }
  else { button.removeAttribute("aria-busy"); button.removeAttribute("aria-disabled"); }
}

// Only read aloud: whoever sees the page sees the browser's own window.
function announce(text) {
  document.getElementById("announcer").textContent = text;
}

// <passkey-login data-options data-autofill data-unknown data-rp data-waiting data-cancelled data-failed hidden><form>…</form><p role="status">:
// asks for a passkey when its button is pressed and, with data-autofill, lets the browser suggest one in the address field.

const FRESH_FOR = 240_000; // ms; the server forgets a challenge after five minutes

class PasskeyLogin extends HTMLElement {
  #waiting; // the AbortController of the request that autofill keeps open

  connectedCallback() {
    if (!window.PublicKeyCredential || !navigator.credentials) return;
    this.hidden = false;
    this.form = this.querySelector("form");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.#press();
    });
    this.#tellWhatIsUnknown();
    this.#noteAbility();
    if ("autofill" in this.dataset) this.#suggest();
  }

  async #press() {
    if (this.form.querySelector("button").getAttribute("aria-busy")) return;
    this.#waiting?.abort();
    this.#say("");
    announce(this.dataset.waiting);
    busy(this.form, true);
    try {
      await this.#ask({});
    } catch (error) {
      this.#say(["NotAllowedError", "AbortError"].includes(error.name) ? this.dataset.cancelled : this.dataset.failed);
    }
    busy(this.form, false);
  }

  async #suggest() {
    try {
      if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
      this.#waiting = new AbortController();
      const { signal } = this.#waiting;
      setTimeout(() => {
        if (signal.aborted) return;
        this.#waiting.abort();
        this.#suggest();
      }, FRESH_FOR);
      await this.#ask({ mediation: "conditional", signal });
    } catch {
      // Nobody pressed anything: nothing to say.
    }
  }

  async #ask(how) {
    const begun = await begin(this.dataset.options, this.form);
    const credential = await navigator.credentials.get({ publicKey: begun.publicKey, ...how });
    const { response } = credential;
    this.#carryOver("remember_device");
    send(this.form, begun.ceremony, {
      id: credential.id,
      type: credential.type,
      response: {
        clientDataJSON: toText(response.clientDataJSON),
        authenticatorData: toText(response.authenticatorData),
        signature: toText(response.signature),
        userHandle: response.userHandle?.byteLength ? toText(response.userHandle) : undefined,
      },
    });
  }

  // "Stay logged in" is ticked in the password form of the same page, where there is one.
  #carryOver(name) {
    if (document.querySelector(`input[type=checkbox][name=${name}]:checked`)) this.#hide(this.form, name);
  }

  // The password form says that this device could make a passkey, so that one may be offered after the login.
  async #noteAbility() {
    const able = await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable?.();
    if (!able) return;
    for (const form of document.querySelectorAll("form[method=post]")) {
      if (form !== this.form) this.#hide(form, "passkeys");
    }
  }

  #hide(form, name) {
    if (form.elements.namedItem(name)) return;
    const input = Object.assign(document.createElement("input"), { type: "hidden", name, value: "1" });
    form.append(input);
  }

  #tellWhatIsUnknown() {
    const { unknown, rp } = this.dataset;
    if (unknown) PublicKeyCredential.signalUnknownCredential?.({ rpId: rp, credentialId: unknown })?.catch(() => {});
  }

  #say(text) {
    announce("");
    this.querySelector("[role=status]").textContent = text;
  }
}

customElements.define("passkey-login", PasskeyLogin);

// <passkey-create data-options data-waiting data-cancelled data-failed data-known><form>…</form><p role="status">: lets the browser make a
// passkey when the form's button is pressed, and sends it.

const silent = new AbortController(); // ends what the browser does without being asked, below

class PasskeyCreate extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.#press();
    });
  }

  async #press() {
    if (this.form.querySelector("button").getAttribute("aria-busy")) return;
    silent.abort();
    if (!window.PublicKeyCredential || !navigator.credentials) { this.#say(this.dataset.failed); return; }
    this.#say("");
    announce(this.dataset.waiting);
    busy(this.form, true);
    try {
      const begun = await begin(this.dataset.options, this.form);
      if (begun.again) { location.assign(begun.again); return; }
      send(this.form, begun.ceremony, made(await navigator.credentials.create({ publicKey: begun.publicKey })));
    } catch (error) {
      if (error.name === "InvalidStateError") this.#say(this.dataset.known);
      else this.#say(["NotAllowedError", "AbortError"].includes(error.name) ? this.dataset.cancelled : this.dataset.failed);
      busy(this.form, false);
    }
  }

  #say(text) {
    announce("");
    this.querySelector("[role=status]").textContent = text;
  }
}

customElements.define("passkey-create", PasskeyCreate);

// <passkey-upgrade data-options data-saved><form>…</form><p role="status">: where the browser makes passkeys without asking (conditional
// create), lets it, says so and leads on. Nobody waits for it: whatever else is pressed on the page ends it.

class PasskeyUpgrade extends HTMLElement {
  connectedCallback() {
    document.addEventListener("submit", () => silent.abort());
    this.#try().catch(() => {}); // nobody pressed anything: nothing to say
  }

  async #try() {
    const able = await window.PublicKeyCredential?.getClientCapabilities?.();
    if (!able?.conditionalCreate) return;
    const form = this.querySelector("form");
    const { ceremony, publicKey } = await begin(this.dataset.options, form);
    if (!publicKey || silent.signal.aborted) return;
    const credential = await navigator.credentials.create({ publicKey, mediation: "conditional", signal: silent.signal });
    if (silent.signal.aborted) return;
    this.querySelector("[role=status]").textContent = this.dataset.saved;
    send(form, ceremony, made(credential));
  }
}

customElements.define("passkey-upgrade", PasskeyUpgrade);

// <passkey-list data-rp data-user data-credentials data-name data-display-name>: tells the browser's password manager which passkeys
// the account has and what it is called, so that removed ones are no longer offered (WebAuthn Level 3, 5.1.10).

class PasskeyList extends HTMLElement {
  connectedCallback() {
    const { rp, user, credentials, name, displayName } = this.dataset;
    const api = window.PublicKeyCredential;
    const ids = credentials ? credentials.split(" ") : [];
    api?.signalAllAcceptedCredentials?.({ rpId: rp, userId: user, allAcceptedCredentialIds: ids })?.catch(() => {});
    api?.signalCurrentUserDetails?.({ rpId: rp, userId: user, name, displayName })?.catch(() => {});
  }
}

customElements.define("passkey-list", PasskeyList);

// <passkey-option hidden>: something that is worth offering only where the browser has passkeys.
class PasskeyOption extends HTMLElement {
  connectedCallback() {
    this.hidden = !window.PublicKeyCredential;
  }
}

customElements.define("passkey-option", PasskeyOption);
