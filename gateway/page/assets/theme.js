// Light, dark, or as the system has it; the choice is remembered in this browser.

const KEY = "gridsentinel-theme";
const NEXT = { auto: "dark", dark: "light", light: "auto" };

/** Let `button` go round the themes. */
export function theme(button) {
  const apply = (word) => {
    document.documentElement.dataset.theme = word;
    button.textContent = `Colours: ${word}`;
    button.title = `Press for ${NEXT[word]}`;
  };
  button.addEventListener("click", () => {
    const word = NEXT[document.documentElement.dataset.theme];
    localStorage.setItem(KEY, word);
    apply(word);
  });
  const kept = localStorage.getItem(KEY);
  apply(Object.hasOwn(NEXT, kept ?? "") ? kept : "auto");
}
