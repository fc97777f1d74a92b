// Small comforts; every page works without this file.
(() => {
  "use strict";
  const toast = document.getElementById("toast");
  let timer = 0;

  const say = (text) => {
    toast.textContent = text;
    toast.hidden = false;
    clearTimeout(timer);
    timer = setTimeout(() => { toast.hidden = true; }, 8000);
  };

  // A swap removes the button that was pressed: put the focus on what can be done next.
  document.body.addEventListener("htmx:afterSettle", (event) => {
    const box = event.detail.elt;
    if (!box || !box.isConnected) return;
    const next = box.matches("article") ? box.querySelector(".act_undo button, .act_join button") : box.querySelector(".why");
    if (next) next.focus({ preventScroll: true });
    if (!box.matches("article")) box.scrollIntoView({ block: "nearest" });
  });

  document.body.addEventListener("click", (event) => {
    const close = event.target.closest("[data-close]");
    if (!close) return;
    const slot = close.closest(".why-slot");
    slot.replaceChildren();
    const link = slot.parentElement.querySelector(".reason__why");
    if (link) link.focus({ preventScroll: true });
  });

  // A file that is too large would be sent whole before anybody says so; a large one takes time.
  document.body.addEventListener("submit", (event) => {
    const input = event.target.querySelector("input[type=file]");
    const file = input && input.files[0];
    if (!file) return;
    if (file.size > Number(input.dataset.most)) {
      event.preventDefault();
      say(input.dataset.large);
      return;
    }
    const button = event.submitter;
    button.textContent = button.dataset.sending;
    button.disabled = true;
  });

  document.body.addEventListener("htmx:responseError", (event) => {
    const xhr = event.detail.xhr;
    const plain = (xhr.getResponseHeader("Content-Type") || "").startsWith("text/plain");
    say(plain && xhr.responseText ? xhr.responseText : document.body.dataset.offline);
  });
  document.body.addEventListener("htmx:sendError", () => say(document.body.dataset.offline));
  toast.addEventListener("click", () => { toast.hidden = true; });
})();
