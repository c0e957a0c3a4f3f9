"use strict";
const fit = frame => {
  const page = frame.contentDocument;
  if (!page || !page.body || !frame.offsetParent) return;
  const below = parseFloat(page.defaultView.getComputedStyle(page.body).marginBottom) || 0;
  const end = page.body.getBoundingClientRect().bottom + page.defaultView.scrollY + below;
  const high = Math.min(Math.max(Math.ceil(end), 60), 6000) + 2;
  if (Math.abs(high - frame.clientHeight) > 2) frame.style.height = high + "px";
};
const frames = [...document.querySelectorAll("iframe")];
const fitAll = () => frames.forEach(fit);
for (const frame of frames) {
  frame.addEventListener("load", () => {
    fit(frame);
    // Folds inside the page; a toggle does not bubble, but it can be captured.
    frame.contentDocument?.addEventListener("toggle", () => fit(frame), true);
  });
  const box = frame.closest("details");
  if (box) box.addEventListener("toggle", () => fit(frame));
}
window.addEventListener("load", fitAll);
window.addEventListener("resize", fitAll);
fitAll();
