document.querySelectorAll("button.copy").forEach((button) => button.addEventListener("click", async () => {
  const code = button.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {                                 // pages opened from a file may not be allowed to: select, and the keys do it
    getSelection().selectAllChildren(code);
    button.textContent = "Selected: press Ctrl+C";
  }
}));
