# What the Python side does not do goes to qtl2 itself.

need_qtl2 <- function(what, call) {
    if (!requireNamespace("qtl2", quietly = TRUE))
        refuse(what, " needs the R package qtl2, which is not installed: install.packages(\"qtl2\")", call = call)
}

# Evaluate the user's call with qtl2's function of that name, as if qtl2 had been called.
hand_to_qtl2 <- function(name, call, why, frame) {
    need_qtl2(why, call)
    say_once(why, why, " is done by qtl2::", name, "()")
    call[[1]] <- call("::", quote(qtl2), as.name(name))
    eval(call, frame)
}
