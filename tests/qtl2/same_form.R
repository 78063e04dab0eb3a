# Whether a result has the types, names, dimnames, classes and attributes of what the code gives, whatever the numbers.

same_form <- function(x, code) {
    set.seed(1)
    expected <- eval(parse(text = code), new.env(parent = genuine))
    all.equal(without_numbers(x), without_numbers(expected))
}

without_numbers <- function(x) {
    for (name in setdiff(names(attributes(x)), c("names", "dim", "dimnames", "class", "is_x_chr")))
        attr(x, name) <- without_numbers(attr(x, name))
    if (is.list(x)) x[] <- lapply(x, without_numbers) else if (is.double(x)) x[] <- 1
    x
}
