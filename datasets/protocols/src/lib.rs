//! How labels go missing, how rows are split, and the random streams behind both.
