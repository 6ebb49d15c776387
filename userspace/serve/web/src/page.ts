// SPDX-License-Identifier: Apache-2.0
const response = await fetch("api/status");
const status = (await response.json()) as { targets: { pid: number; name: string }[] };

document.getElementById("status")!.textContent = status.targets
	.map((target) => `${target.name} (pid ${target.pid})`)
	.join(", ");
