# The likelihoods by brute force: V is formed and factorised; no eigenvectors, no rotation.
# With `reml` the density is that of orthonormal error contrasts A'y, A'A = I, A'X = 0.

covariance <- function(hsq, K, weights) hsq * K + (1 - hsq) * diag(1 / weights)

# log density of N(mean, S) at y
log_density <- function(y, mean, S) {
    L <- t(chol(S))
    z <- forwardsolve(L, y - mean)
    -length(y) / 2 * log(2 * pi) - sum(log(diag(L))) - sum(z^2) / 2
}

brute_force <- function(hsq, y, K, X, weights = rep(1, length(y)), reml) {
    V <- covariance(hsq, K, weights)
    n <- nrow(X)
    p <- ncol(X)
    beta <- drop(solve(t(X) %*% solve(V, X), t(X) %*% solve(V, y)))
    residual <- drop(y - X %*% beta)
    Q <- sum(residual * solve(V, residual))
    if (reml) {
        A <- qr.Q(qr(X), complete = TRUE)[, -seq_len(p)]
        sigmasq <- Q / (n - p)
        loglik <- log_density(drop(t(A) %*% y), 0, sigmasq * t(A) %*% V %*% A)
    } else {
        sigmasq <- Q / n
        loglik <- log_density(y, drop(X %*% beta), sigmasq * V)
    }
    list(loglik = loglik, beta = beta, sigmasq = sigmasq)
}

# Data made of sines, so that they are the same everywhere. `rank` is that of K.
example_data <- function(n = 24, p = 2, rank = n, phase = 1) {
    wave <- function(k, m) matrix(sin(k * (phase + seq_len(n * m))^1.5), n)
    Z <- wave(0.7, rank)
    K <- tcrossprod(Z) / rank + if (rank == n) 0.05 * diag(n) else 0
    X <- cbind(1, wave(1.3, 3))[, seq_len(p), drop = FALSE]
    y <- drop(5 + Z %*% cos(seq_len(rank)) / sqrt(rank) * 2 + wave(2.1, 1))
    list(n = n, y = y, K = K, X = X, weights = 1 + (seq_len(n) %% 4) / 2)
}
