# Reading the data. The numbers have 17 digits, so that they are the very numbers of the case.

read_table <- function(name) {
    table <- read.csv(open_table(name), header = FALSE, colClasses = "character",
                      na.strings = character(0), encoding = "UTF-8")
    names(table) <- unlist(table[1, ])
    table[-1, ]
}

numbers <- function(text) {
    x <- as.numeric(text)
    if (any(sprintf("%.17g", x) != text)) warning("R on this machine does not read numbers to the last digit")
    x
}

# The first column holds the IDs.
read_matrix <- function(name) {
    table <- read_table(name)
    matrix(numbers(unlist(table[-1])), nrow(table), dimnames = list(table[[1]], names(table)[-1]))
}

read_vector <- function(name) read_matrix(name)[, 1]

# Rows: chromosome, whether it is X, position, genotype, a number for each individual.
read_genoprobs <- function(name) {
    table <- read_table(name)
    chromosomes <- unique(table$chromosome)
    probs <- lapply(chromosomes, function(chromosome) {
        these <- table[table$chromosome == chromosome, ]
        individuals <- names(table)[-(1:4)]
        genotypes <- unique(these$genotype)
        positions <- unique(these$position)
        array(t(matrix(numbers(unlist(these[-(1:4)])), nrow(these))),
              c(length(individuals), length(genotypes), length(positions)), list(individuals, genotypes, positions))
    })
    names(probs) <- chromosomes
    is_x_chr <- vapply(chromosomes, function(name) table$is_x[match(name, table$chromosome)] == "TRUE", TRUE)
    structure(probs, is_x_chr = is_x_chr, class = c("calc_genoprob", "list"))
}
