# Files of genotype probabilities and kinship that R and Python read without each other: netCDF classic, by the package
# ncdf4. The format is told in storage.py, beside this file, which has the same four functions for Python.
# Objects are those of R/qtl2, and come back identical(); qtl2 itself is not needed.

# Write the genotype or allele probabilities of qtl2's calc_genoprob() or genoprob_to_alleleprob().
write_genoprobs <- function(probs, file, overwrite = FALSE) {
    if (!inherits(probs, "calc_genoprob")) refuse("probs must be genotype probabilities, as from calc_genoprob()")
    refuse_other_attributes(probs, c("names", "class", "crosstype", "is_x_chr", "alleles", "alleleprobs"), "probs")
    individuals <- dimnames(probs[[1L]])[[1L]]
    variables <- list(individuals = variable(individuals, "individual"),
                      chromosomes = variable(names(probs), "chromosome"))
    is_x_chr <- attr(probs, "is_x_chr")
    if (!is.null(is_x_chr)) variables$is_x_chr <- variable(as.integer(is_x_chr), "chromosome")
    if (!is.null(attr(probs, "alleles"))) variables$alleles <- variable(attr(probs, "alleles"), "allele")
    for (k in seq_along(probs)) {
        array <- unclass(probs)[[k]]
        names <- dimnames(array)
        if (length(names) != 3L || any(vapply(names, is.null, NA))) {
            refuse("chromosome ", names(probs)[k], " must be an array of individuals, genotypes and positions, ",
                   "with dimnames")
        }
        if (!identical(names[[1L]], individuals)) {
            refuse("chromosome ", names(probs)[k], " is of other individuals, or in another order, than the first")
        }
        dims <- c("individual", paste0(c("genotype_", "position_"), k))
        variables[[paste0("genotypes_", k)]] <- variable(names[[2L]], dims[2L])
        variables[[paste0("positions_", k)]] <- variable(names[[3L]], dims[3L])
        variables[[paste0("probabilities_", k)]] <- variable(array, dims)
    }
    attributes <- list(crosstype = attr(probs, "crosstype"))
    if (!is.null(attr(probs, "alleleprobs"))) attributes$alleleprobs <- as.integer(attr(probs, "alleleprobs"))
    write_netcdf(variables, attributes, "lmmbridge genoprobs", file, overwrite)
}

# Read what write_genoprobs() wrote, in R or in Python: an object of class calc_genoprob.
read_genoprobs <- function(file) {
    nc <- open_netcdf(file, "lmmbridge genoprobs")
    on.exit(ncdf4::nc_close(nc))
    individuals <- texts(nc, "individuals")
    chromosomes <- texts(nc, "chromosomes")
    probs <- lapply(seq_along(chromosomes), function(k) {
        array <- numbers(nc, paste0("probabilities_", k))
        dimnames(array) <- list(individuals, texts(nc, paste0("genotypes_", k)), texts(nc, paste0("positions_", k)))
        array
    })
    names(probs) <- chromosomes
    attr(probs, "crosstype") <- attribute(nc, 0, "crosstype")
    if ("is_x_chr" %in% names(nc$var)) {
        attr(probs, "is_x_chr") <- stats::setNames(as.logical(numbers(nc, "is_x_chr")), chromosomes)
    }
    if ("alleles" %in% names(nc$var)) attr(probs, "alleles") <- texts(nc, "alleles")
    alleleprobs <- attribute(nc, 0, "alleleprobs")
    if (!is.null(alleleprobs)) attr(probs, "alleleprobs") <- alleleprobs == 1L
    class(probs) <- c("calc_genoprob", "list")
    probs
}

# Write the kinship of qtl2's calc_kinship(): one matrix, or a list of one for each chromosome.
write_kinship <- function(kinship, file, overwrite = FALSE) {
    by_chromosome <- is.list(kinship)
    if (by_chromosome) refuse_other_attributes(kinship, "names", "kinship")
    matrices <- if (by_chromosome) kinship else list(kinship)
    individuals <- rownames(matrices[[1L]])
    variables <- list(individuals = variable(individuals, "individual"))
    if (by_chromosome) variables$chromosomes <- variable(names(kinship), "chromosome")
    for (k in seq_along(matrices)) {
        K <- matrices[[k]]
        if (!is.matrix(K) || !is.numeric(K) || nrow(K) != ncol(K) || is.null(rownames(K))) {
            refuse("kinship must be a square matrix with the individuals' IDs as row names, or a list of such; ",
                       "it cannot be decomposed")
        }
        refuse_other_attributes(K, c("dim", "dimnames", "n_pos"), "kinship")
        if (!identical(rownames(K), individuals) || !identical(colnames(K), individuals)) {
            refuse("kinship matrix ", k, ": the rows and columns must be the individuals of the first matrix, ",
                   "in the same order")
        }
        variables[[paste0("kinship_", k)]] <- variable(K, c("individual", "column"), list(n_pos = attr(K, "n_pos")))
    }
    write_netcdf(variables, list(), "lmmbridge kinship", file, overwrite)
}

# Read what write_kinship() wrote, in R or in Python.
read_kinship <- function(file) {
    nc <- open_netcdf(file, "lmmbridge kinship")
    on.exit(ncdf4::nc_close(nc))
    individuals <- texts(nc, "individuals")
    one <- function(k) {
        name <- paste0("kinship_", k)
        K <- numbers(nc, name)
        dimnames(K) <- list(individuals, individuals)
        attr(K, "n_pos") <- attribute(nc, name, "n_pos")
        K
    }
    if (!"chromosomes" %in% names(nc$var)) return(one(1L))
    chromosomes <- texts(nc, "chromosomes")
    stats::setNames(lapply(seq_along(chromosomes), one), chromosomes)
}

refuse <- function(...) stop(..., call. = FALSE)

variable <- function(values, dims, attributes = list()) list(values = values, dims = dims, attributes = attributes)

refuse_other_attributes <- function(x, expected, what) {
    other <- setdiff(names(attributes(x)), expected)
    if (length(other)) refuse(what, " has the attribute ", other[1L], ", which the file has no place for; take it off")
}

need_ncdf4 <- function() {
    if (!requireNamespace("ncdf4", quietly = TRUE)) refuse('the R package ncdf4 is needed: install.packages("ncdf4")')
}

write_netcdf <- function(variables, attributes, kind, file, overwrite) {
    need_ncdf4()
    if (file.exists(file) && !overwrite) {
        refuse("the file ", file, " exists already; give another name, or overwrite = TRUE")
    }
    if (!dir.exists(dirname(file))) refuse("there is no folder ", dirname(file), " to write to; make it first")
    part <- tempfile(paste0(".", basename(file), "."), dirname(file))
    on.exit(unlink(part))
    # ncdf4 itself creates files of at most 2 GiB, but keeps to the kind of a file it opens: an empty one of 64 bits
    writeBin(c(charToRaw("CDF"), as.raw(2L), raw(28L)), part)
    nc <- ncdf4::nc_open(part, write = TRUE)
    closed <- FALSE
    on.exit(if (!closed) ncdf4::nc_close(nc), add = TRUE, after = FALSE)
    variables$complete <- variable(1L, character())
    ncdf4::nc_redef(nc)
    for (name in names(variables)) nc <- ncdf4::ncvar_add(nc, definition(name, variables[[name]]), indefine = TRUE)
    put_attributes(nc, 0, c(list(format = kind, format_version = 1L), attributes))
    for (name in names(variables)) {
        put_attributes(nc, name, variables[[name]]$attributes)
        if (is.character(variables[[name]]$values)) put_attributes(nc, name, list(`_Encoding` = "utf-8"))
    }
    ncdf4::nc_enddef(nc)
    for (name in names(variables)) {
        values <- variables[[name]]$values
        ncdf4::ncvar_put(nc, name, if (is.character(values)) utf8_bytes(values) else values)
    }
    ncdf4::nc_close(nc)
    closed <- TRUE
    if (!file.rename(part, file)) refuse("the file ", file, " cannot be written")
    invisible(file)
}

# ncdf4's definition of a variable.
definition <- function(name, variable) {
    values <- variable$values
    lengths <- if (is.null(dim(values))) length(values) else dim(values)
    if (any(lengths == 0L)) refuse("there is no ", sub("_.*", "", variable$dims[lengths == 0L][1L]), " to be written")
    if (8 * length(values) > 2^31 - 4) {
        refuse(name, " takes ", round(8 * length(values) / 2^30, 1), " GiB, more than the 2 GiB that it may take in a ",
               "netCDF classic file; write fewer positions or individuals to a file, or allele probabilities")
    }
    dims <- Map(dimension, variable$dims, lengths[seq_along(variable$dims)])
    if (!is.character(values)) {
        prec <- if (length(dims) > 1L) "double" else "integer"     # flags
        return(ncdf4::ncvar_def(name, "", dims, missval = NULL, prec = prec))
    }
    width <- max(1L, nchar(enc2utf8(values), "bytes"))
    ncdf4::ncvar_def(name, "", c(list(dimension(paste0("string", width), width)), dims), missval = NULL, prec = "char")
}

dimension <- function(name, length) ncdf4::ncdim_def(name, "", seq_len(length), create_dimvar = FALSE)

# Text in UTF-8 that ncdf4 writes as it is, in whatever locale.
utf8_bytes <- function(text) {
    text <- enc2utf8(text)
    Encoding(text) <- "unknown"
    text
}

put_attributes <- function(nc, variable, attributes) {
    for (name in names(attributes)) {
        value <- attributes[[name]]
        if (is.null(value)) next
        prec <- if (is.character(value)) "text" else if (is.integer(value)) "int" else "double"
        if (is.character(value)) value <- utf8_bytes(value)
        ncdf4::ncatt_put(nc, variable, name, value, prec, definemode = TRUE)
    }
}

open_netcdf <- function(file, kind) {
    need_ncdf4()
    if (!file.exists(file) || dir.exists(file)) refuse("there is no file ", file)
    writer <- paste0("write_", sub(".* ", "", kind), "()")
    magic <- readBin(file, "raw", 4L)
    if (length(magic) < 4L || !identical(magic[1:3], charToRaw("CDF")) || !magic[4L] %in% as.raw(1:2)) {
        refuse(file, " is not a netCDF classic file; give one that ", writer, " wrote")
    }
    cut_off <- paste("the file", file, "is not whole: it was cut off or damaged; write or copy it again")
    nc <- tryCatch(ncdf4::nc_open(file), error = function(e) refuse(cut_off))
    good <- FALSE
    on.exit(if (!good) ncdf4::nc_close(nc))
    # the netCDF library reads zeros for what was cut off
    if (!length(nc$var)) refuse(cut_off)
    version <- attribute(nc, 0, "format_version")
    if (!identical(attribute(nc, 0, "format"), kind) || is.null(version)) {
        refuse(file, " is a netCDF file of another kind; give one that ", writer, " wrote")
    }
    if (version > 1L) {
        refuse(file, " is of version ", version, " of its format, and this lmmbridge knows versions up to 1; ",
               "install a newer one")
    }
    if (!"complete" %in% names(nc$var) || numbers(nc, "complete") != 1L) refuse(cut_off)
    good <- TRUE
    nc
}

texts <- function(nc, name) {
    values <- as.vector(ncdf4::ncvar_get(nc, name))
    Encoding(values) <- "UTF-8"
    values
}

numbers <- function(nc, name) {
    ncdf4::ncvar_get(nc, name, collapse_degen = FALSE, raw_datavals = TRUE)
}

attribute <- function(nc, variable, name) {
    found <- ncdf4::ncatt_get(nc, variable, name)
    if (!found$hasatt) return(NULL)
    if (is.character(found$value)) Encoding(found$value) <- "UTF-8"
    found$value
}
