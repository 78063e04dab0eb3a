# The data files lie beside this script.
here <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
here <- if (length(here)) dirname(gsub("~+~", " ", here, fixed = TRUE)) else "."

open_table <- function(name) file.path(here, paste0(name, ".csv"))
