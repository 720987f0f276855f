export { type Fabric, type FabricEvents, LocalFabric, type UnregisteredWhy } from './fabric.ts';
