// <password-strength for="input-id" data-words="worst|…|best">: how hard a password is to guess, while it is typed.
// It encourages and never refuses; the server checks the list of common passwords. No dictionary is loaded for it.

const RUNS = ["abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertz", "azerty"];

// Characters that follow from the one before (aaa, abc, 987, qwe) or repeat an earlier stretch add almost nothing.
function surprisingLength(password) {
  const text = password.toLowerCase();
  let length = 0;
  for (let i = 0; i < text.length; i += 1) {
    const pair = text.slice(i - 1, i + 1);
    const turned = [...pair].reverse().join("");
    const expected = i > 0 && (pair[0] === pair[1] || RUNS.some((run) => run.includes(pair) || run.includes(turned)));
    const repeated = i > 1 && text.slice(0, i - 1).includes(text.slice(i - 2, i + 1));
    length += expected ? 0.25 : repeated ? 0.35 : 1;
  }
  return length;
}

// Bits for each surprising character: letters alone carry less (they make words), a mix of kinds a little more. A capital in
// front and digits or a sign at the end are where everybody puts them, so they do not count as a mix.
export function strength(password) {
  if (!password) return 0;
  const core = password.replace(/[^\p{L}]+$/u, "").replace(/^\p{Lu}/u, (letter) => letter.toLowerCase());
  const kinds = [/\p{Ll}/u, /\p{Lu}/u, /\p{N}/u, /[^\p{L}\p{N}]/u].filter((kind) => kind.test(core)).length;
  const bits = surprisingLength(core) * (2.6 + 0.35 * kinds) + surprisingLength(password.slice(core.length)) * 1.5;
  return bits < 18 ? 0 : bits < 27 ? 1 : bits < 38 ? 2 : bits < 52 ? 3 : 4;
}

class PasswordStrength extends HTMLElement {
  connectedCallback() {
    const input = document.getElementById(this.getAttribute("for"));
    const word = this.querySelector(".strength__word");
    const words = this.dataset.words.split("|");
    let pause;
    input?.addEventListener("input", () => {
      const level = strength(input.value);
      this.hidden = input.value === "";
      this.dataset.level = String(Math.max(level, 1));
      clearTimeout(pause);
      // Told after a pause, or a screen reader would interrupt every key.
      pause = setTimeout(() => { word.textContent = words[level]; }, 300);
    });
  }
}

customElements.define("password-strength", PasswordStrength);
