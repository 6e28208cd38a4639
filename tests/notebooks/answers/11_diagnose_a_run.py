# ruff: noqa: F821
"""Right answers to notebook 11, written otherwise than its solutions."""


def my_loss_weights(loss, distortion, rate):
    # The normal equations of the least squares.
    terms = torch.column_stack([distortion, rate])
    return torch.linalg.solve(terms.T @ terms, terms.T @ loss)


my_diagnoses = dict(
    A=["stopped too early", ["active units", "decline"], "more steps"],
    B=["hidden β", "loss weights", "smaller β"],
    C=["variance floor", ["equal variances"], "no ReLU on logvar"],
    D=["healthy", ("better than the mean image", "loss weights"), "nothing"],
    E=["fallen into collapse", ("better than the mean image", "loss weights"),
       "smaller learning rate from the start"],
    F=["lagging statistics", "evaluation mode", "more steps"],
    G=["wrong sampler", "log against own", "exp(½ logvar)"],
    H=["wanted collapse", ["loss weights", "active units"], "smaller β"],
)


def my_repair_1(model, batches, generator):
    opt = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-4)
    for x in batches:
        opt.zero_grad(set_to_none=False)
        mean, logvar = model.encode(x)
        q = torch.distributions.Normal(mean, logvar.div(2).exp())
        eps = torch.empty_like(mean).normal_(generator=generator)
        p = torch.distributions.Bernoulli(logits=model.decode(q.loc + q.scale * eps),
                                          validate_args=False)
        prior = torch.distributions.Normal(torch.zeros_like(mean), 1.0)
        kl = torch.distributions.kl_divergence(q, prior)
        (-(p.log_prob(x).sum() - kl.sum()) / len(x)).backward()
        opt.step()
    return model


def my_repair_2(model, batches, generator):
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for x in batches:
        mean, logvar = model.encode(x)
        z = mean + logvar.exp().sqrt() * torch.randn(mean.shape, generator=generator)
        bce = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
        loss = (bce + kl) / x.shape[0]
        for p in model.parameters():
            p.grad = None
        loss.backward()
        optimizer.step()
    return model
