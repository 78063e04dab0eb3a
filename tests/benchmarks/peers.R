# The peers, timed inside R on inputs that R holds. Each peer is a function of further arguments, which is timed, and
# `answers` turns what it gave into plain numbers, which is not.

held <- new.env()

hold <- function(inputs) {
    rm(list = ls(held), envir = held)
    list2env(inputs, envir = held)
    invisible(gc(FALSE))
    invisible(NULL)
}

clock <- function() as.numeric(Sys.time())      # proc.time counts milliseconds

# Seconds of one of `repeats` runs in a row, and the numbers of the last.
timed <- function(name, repeats, arguments) {
    gc(FALSE)
    start <- clock()
    for (i in seq_len(repeats)) value <- do.call(name, arguments)
    seconds <- (clock() - start) / repeats
    list(seconds = seconds, answers = answers[[name]](value))
}

# Memory of this process (bytes) before and at the peak of one run.
memory <- function(package, name, arguments) {
    loadNamespace(package)
    gc(FALSE)
    try(cat("5", file = "/proc/self/clear_refs"), silent = TRUE)      # the peak begins anew
    before <- resident("VmRSS")
    do.call(name, arguments)
    list(before = before, peak = resident("VmHWM"))
}

resident <- function(what) {
    line <- grep(paste0("^", what, ":"), readLines("/proc/self/status"), value = TRUE)
    as.numeric(gsub("[^0-9]", "", line)) * 1024
}

answers <- list()
plain <- function(x) matrix(as.numeric(x), nrow(x), ncol(x))

# --- qtl2 ---------------------------------------------------------------------------------------------------------------

qtl2_scan1 <- function(cores)
    qtl2::scan1(held$probs, held$pheno, held$kinship, held$covar, held$Xcovar, cores = cores)
answers$qtl2_scan1 <- function(value) list(lod = plain(value), hsq = plain(attr(value, "hsq")))

qtl2_est_herit <- function(cores) qtl2::est_herit(held$pheno, held$kinship, held$covar, cores = cores)
answers$qtl2_est_herit <- function(value) list(hsq = as.numeric(value))

qtl2_scan1perm <- function(cores, n_perm, seed) {
    set.seed(seed)
    qtl2::scan1perm(held$probs, held$pheno, held$kinship, held$covar, n_perm = n_perm, cores = cores)
}
answers$qtl2_scan1perm <- function(value) list(lod = plain(value))

uniforms <- function(seed, k) {
    set.seed(seed)
    stats::runif(k)
}

# One fit. hsq of 2K as that of K.
qtl2_fit <- function(cores) qtl2::est_herit(held$pheno, held$kinship, held$covar, cores = cores)
answers$qtl2_fit <- function(value) {
    h <- as.numeric(value)
    start <- clock()
    qtl2::decomp_kinship(2 * held$kinship)
    list(hsq = 2 * h / (1 + h), eigen_seconds = clock() - start)
}

# --- lmmlite ------------------------------------------------------------------------------------------------------------

lmmlite_fit <- function(use_cpp) {
    start <- clock()
    e <- lmmlite::eigen_rotation(held$kinship, held$pheno, cbind(1, held$covar), use_cpp = use_cpp)
    eigen_seconds <- clock() - start
    list(fit = lmmlite::fitLMM(e$Kva, e$y, e$X, use_cpp = use_cpp), eigen_seconds = eigen_seconds)
}
answers$lmmlite_fit <- function(value) list(hsq = as.numeric(value$fit$hsq), eigen_seconds = value$eigen_seconds)

lmmlite_cpp <- function(cores) lmmlite_fit(TRUE)
answers$lmmlite_cpp <- answers$lmmlite_fit
lmmlite_r <- function(cores) lmmlite_fit(FALSE)
answers$lmmlite_r <- answers$lmmlite_fit

# --- lme4: K = LL' through the design matrix of the random effects --------------------------------------------------------

lme4_fit <- function(cores) {
    n <- nrow(held$kinship)
    data <- data.frame(y = held$pheno[, 1], id = factor(seq_len(n)))
    X <- cbind(1, held$covar)
    control <- lme4::lmerControl(check.nobs.vs.nlev = "ignore", check.nobs.vs.nRE = "ignore", check.nobs.vs.rankZ = "ignore")
    parsed <- lme4::lFormula(y ~ X - 1 + (1 | id), data, REML = TRUE, control = control)
    parsed$reTrms$Zt <- methods::as(chol(held$kinship), "CsparseMatrix") %*% parsed$reTrms$Zt
    deviance <- do.call(lme4::mkLmerDevfun, parsed)
    lme4::optimizeLmer(deviance)
}
answers$lme4_fit <- function(value) list(hsq = value$par^2 / (1 + value$par^2))

# --- what R is made of ----------------------------------------------------------------------------------------------------

made_of <- function(packages) {
    describe <- function(package) {
        if (!requireNamespace(package, quietly = TRUE)) return(NULL)
        as.list(unlist(utils::packageDescription(package, fields = c("Version", "Built"))))
    }
    list(version = R.version.string, blas = extSoftVersion()[["BLAS"]], lapack = La_library(),
         threads = Sys.getenv("OPENBLAS_NUM_THREADS"), packages = lapply(stats::setNames(nm = unlist(packages)), describe))
}
