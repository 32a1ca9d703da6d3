/* Start what needs no drawing first, so that it works at once. */

measureCards();
readVerdicts();
startCards();
startJudge();
startSimilar();
showSent();
startFilters();
document.body.dataset.ready = "tables";
startEmbedding()
  .then(startCurve)
  .then(() => { document.body.dataset.ready = "all"; })
  .catch((error) => {
    find("embedding").append(make("p", { className: "empty" }, `The embedding cannot be drawn in this browser: ${error.message}`));
    console.error(error);
  });
